"""The events that payments reacts to in a choreographed saga."""

from kit.dispatch import Reaction, Subscription
from kit.events import Event
from ordermesh.inventory.v1.inventory_events_pb2 import StockReservationExpired, StockReserved
from ordermesh.orders.v1.orders_events_pb2 import OrderCancellationRequested, OrderPlaced
from services.payments import messages, usecases
from services.payments.usecases import Settling, UnitOfWork

TOPICS = ("ordermesh.orders.v1", "ordermesh.inventory.v1")
MINE = frozenset({"CHOREOGRAPHY"})


class PaymentsConsumer:
    """Charges and cancels as the events say."""

    def __init__(self, group: str, uow: UnitOfWork, settling: Settling) -> None:
        self._uow = uow
        self._settling = settling
        reactions = (
            Reaction(OrderPlaced, self.order_placed, MINE),
            Reaction(StockReserved, self.stock_reserved, MINE),
            Reaction(OrderCancellationRequested, self.cancellation_requested, MINE),
            Reaction(StockReservationExpired, self.reservation_expired, MINE),
        )
        self.subscription = Subscription(group, TOPICS, reactions)

    async def order_placed(self, event: Event, message: OrderPlaced) -> None:
        """Learn what the order costs."""
        await usecases.hear_of_order(messages.order_placed(event, message), self._uow, self._settling)

    async def stock_reserved(self, event: Event, message: StockReserved) -> None:
        """Learn that its stock is held."""
        await usecases.hear_of_order(messages.stock_reserved(event, message), self._uow, self._settling)

    async def cancellation_requested(self, event: Event, message: OrderCancellationRequested) -> None:
        """The customer wants no payment."""
        command = messages.cancellation_requested(event, message)
        await usecases.cancel_payment(command, self._uow, self._settling)

    async def reservation_expired(self, event: Event, message: StockReservationExpired) -> None:
        """The order has taken too long."""
        command = messages.reservation_expired(event, message)
        await usecases.cancel_payment(command, self._uow, self._settling)
