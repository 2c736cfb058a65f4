"""The events that orders reacts to: ends of choreographed sagas, and overdue holds of synchronous ones."""

from kit.dispatch import Reaction, Subscription
from kit.events import Event
from ordermesh.inventory.v1.inventory_events_pb2 import (
    StockReleased,
    StockReservationExpired,
    StockReservationFailed,
)
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from services.orders import hearing, messages
from services.orders.usecases import UnitOfWork

TOPICS = ("ordermesh.inventory.v1", "ordermesh.payments.v1")
CHOREOGRAPHY, SYNC = frozenset({"CHOREOGRAPHY"}), frozenset({"SYNC"})


class OrdersConsumer:
    """Confirms and cancels as the events say."""

    def __init__(self, group: str, uow: UnitOfWork) -> None:
        self._uow = uow
        reactions = (
            Reaction(PaymentProcessed, self.payment_processed, CHOREOGRAPHY),
            Reaction(StockReservationFailed, self.stock_reservation_failed, CHOREOGRAPHY),
            Reaction(StockReleased, self.stock_released, CHOREOGRAPHY),
            Reaction(StockReservationExpired, self.reservation_expired, SYNC),
        )
        self.subscription = Subscription(group, TOPICS, reactions)

    async def payment_processed(self, event: Event, message: PaymentProcessed) -> None:
        """The order is paid."""
        await hearing.hear_outcome(messages.payment_processed(event, message), self._uow)

    async def stock_reservation_failed(self, event: Event, message: StockReservationFailed) -> None:
        """There was not enough stock."""
        await hearing.hear_outcome(messages.stock_reservation_failed(event, message), self._uow)

    async def stock_released(self, event: Event, message: StockReleased) -> None:
        """The payment has failed and the stock is back."""
        await hearing.hear_outcome(messages.stock_released(event, message), self._uow)

    async def reservation_expired(self, event: Event, message: StockReservationExpired) -> None:
        """The chain has taken too long: its sweeper is to look at it."""
        await hearing.wake_sweeper(event.key, event.event_id, self._uow)
