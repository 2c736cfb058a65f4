"""The NotificationsService RPCs: message, command, use case, message."""

from typing import Any

from kit import call
from ordermesh.notifications.v1 import notifications_service_pb2 as pb
from ordermesh.notifications.v1 import notifications_service_pb2_grpc
from services.notifications import messages, usecases
from services.notifications.usecases import Delivering, UnitOfWork


class NotificationsServicer(notifications_service_pb2_grpc.NotificationsServiceServicer):
    """Serves ordermesh.notifications.v1.NotificationsService."""

    def __init__(self, uow: UnitOfWork, delivering: Delivering) -> None:
        self._uow = uow
        self._delivering = delivering

    async def SendConfirmation(
        self, request: pb.SendConfirmationRequest, context: Any
    ) -> pb.SendConfirmationResponse:
        """Record a confirmation once and try to send it."""
        command = messages.to_send_confirmation(request)
        notification = await usecases.send_confirmation(command, self._uow, self._delivering)
        return pb.SendConfirmationResponse(notification=messages.from_notification(notification))

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Any
    ) -> pb.ListNotificationsResponse:
        """List the messages about the caller's orders, newest first."""
        query = messages.to_list_notifications(request, call.caller())
        found = await usecases.list_notifications(query, self._uow)
        return messages.from_page(found, query.size, request, call.caller())
