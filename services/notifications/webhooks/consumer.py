"""The events that webhooks are made of: all facts of an order, in every coordination."""

from collections.abc import Callable
from typing import Any

import kit
from kit.dispatch import Reaction
from kit.events import Event
from ordermesh.orders.v1 import orders_events_pb2 as orders
from services.notifications.webhooks import messages, usecases
from services.notifications.webhooks.usecases import UnitOfWork

LATER_FACTS = (
    orders.OrderCancellationRequested,
    orders.OrderConfirmed,
    orders.OrderCancelled,
    orders.OrderAwaitingApproval,
    orders.OrderApproved,
    orders.OrderShipped,
    orders.OrderDelivered,
)


class WebhooksConsumer:
    """Records what accounts are to be told; the first fact of an order also begins mails, see `heard`."""

    def __init__(self, uow: UnitOfWork, look: Callable[[], None]) -> None:
        self._uow = uow
        self._look = look
        self.reactions = tuple(Reaction(message, self.heard) for message in LATER_FACTS)

    async def heard(self, event: Event, message: Any) -> None:
        """Something has happened to an order."""
        told = await usecases.hear(messages.to_fact(event, message), self._uow)
        kit.crashpoint("notifications.after_webhook_recorded")
        if told:
            self._look()
