"""The events that inventory reacts to in a choreographed saga."""

from datetime import timedelta

from kit.dispatch import Reaction, Subscription
from kit.events import Event
from ordermesh.orders.v1.orders_events_pb2 import OrderPlaced
from ordermesh.payments.v1.payments_events_pb2 import PaymentFailed, PaymentProcessed
from services.inventory import messages, usecases
from services.inventory.usecases import UnitOfWork

TOPICS = ("ordermesh.orders.v1", "ordermesh.payments.v1")
MINE = frozenset({"CHOREOGRAPHY"})


class InventoryConsumer:
    """Reserves, sells and releases as the events say."""

    def __init__(self, group: str, uow: UnitOfWork, hold: timedelta) -> None:
        self._uow = uow
        self._hold = hold
        reactions = (
            Reaction(OrderPlaced, self.order_placed, MINE),
            Reaction(PaymentProcessed, self.payment_processed, MINE),
            Reaction(PaymentFailed, self.payment_failed, MINE),
        )
        self.subscription = Subscription(group, TOPICS, reactions)

    async def order_placed(self, event: Event, message: OrderPlaced) -> None:
        """Reserve; what there is not enough of, or was released before, is a fact and no error."""
        await usecases.reserve_stock(messages.order_placed(event, message), self._uow, self._hold)

    async def payment_processed(self, event: Event, message: PaymentProcessed) -> None:
        """Sell."""
        await usecases.commit_stock(messages.payment_processed(event, message), self._uow)

    async def payment_failed(self, event: Event, message: PaymentFailed) -> None:
        """Give the stock back."""
        await usecases.release_stock(messages.payment_failed(event, message), self._uow)
