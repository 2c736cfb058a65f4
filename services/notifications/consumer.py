"""The events that notifications reacts to: with mails in a choreographed saga, with webhooks in every one."""

from contextlib import suppress

from kit.dispatch import Reaction, Subscription
from kit.events import Event
from kit.inbox import AlreadyApplied
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from services.notifications import messages, usecases
from services.notifications.usecases import Delivering, UnitOfWork
from services.notifications.webhooks.consumer import WebhooksConsumer

TOPICS = ("ordermesh.orders.v1", "ordermesh.payments.v1")
MINE = frozenset({"CHOREOGRAPHY"})


class NotificationsConsumer:
    """Tells the customer what the events say."""

    def __init__(
        self, group: str, uow: UnitOfWork, delivering: Delivering, webhooks: WebhooksConsumer
    ) -> None:
        self._uow = uow
        self._delivering = delivering
        self._webhooks = webhooks
        reactions = (
            Reaction(OrderPlaced, self.order_placed),
            Reaction(PaymentProcessed, self.payment_processed, MINE),
            *webhooks.reactions,
        )
        self.subscription = Subscription(group, TOPICS, reactions)

    async def order_placed(self, event: Event, message: OrderPlaced) -> None:
        """The order was received. Two effects, each with a mark of its own in the inbox: a repeat of the
        event does what a crash or a refusal between them has left.
        """
        if event.coordination not in MINE:
            await self._webhooks.heard(event, message)
            return
        with suppress(AlreadyApplied):
            await self._webhooks.heard(event, message)
        await usecases.send_receipt(messages.order_placed(event, message), self._uow, self._delivering)

    async def payment_processed(self, event: Event, message: PaymentProcessed) -> None:
        """The order is confirmed."""
        await usecases.send_confirmation(
            messages.payment_processed(event, message), self._uow, self._delivering
        )
