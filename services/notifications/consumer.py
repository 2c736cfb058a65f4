"""The events that notifications reacts to in a choreographed saga."""

from kit.dispatch import Reaction, Subscription
from kit.events import Event
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from services.notifications import messages, usecases
from services.notifications.usecases import Delivering, UnitOfWork

TOPICS = ("ordermesh.orders.v1", "ordermesh.payments.v1")
MINE = frozenset({"CHOREOGRAPHY"})


class NotificationsConsumer:
    """Tells the customer what the events say."""

    def __init__(self, group: str, uow: UnitOfWork, delivering: Delivering) -> None:
        self._uow = uow
        self._delivering = delivering
        reactions = (
            Reaction(OrderPlaced, self.order_placed, MINE),
            Reaction(PaymentProcessed, self.payment_processed, MINE),
        )
        self.subscription = Subscription(group, TOPICS, reactions)

    async def order_placed(self, event: Event, message: OrderPlaced) -> None:
        """The order was received."""
        await usecases.send_receipt(messages.order_placed(event, message), self._uow, self._delivering)

    async def payment_processed(self, event: Event, message: PaymentProcessed) -> None:
        """The order is confirmed."""
        await usecases.send_confirmation(
            messages.payment_processed(event, message), self._uow, self._delivering
        )
