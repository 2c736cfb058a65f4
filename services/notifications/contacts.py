"""Customers' addresses, from the users service."""

from uuid import UUID

from kit.channels import Peer
from ordermesh.users.v1 import users_service_pb2, users_service_pb2_grpc
from services.notifications.delivery import Contact


class UsersContacts:
    """Asks the users service for each message anew, so that a changed address counts at once."""

    def __init__(self, users: Peer) -> None:
        self._users = users
        self._stub = users_service_pb2_grpc.ContactsServiceStub(users.channel)

    async def contact(self, customer_id: UUID) -> Contact:
        """How to reach a customer. Raises Refused or Unanswered."""
        request = users_service_pb2.GetContactRequest(user_id=str(customer_id))
        answer = await self._users.call(self._stub.GetContact, request)
        return Contact(answer.email, answer.display_name)
