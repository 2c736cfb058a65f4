"""The events that orders reacts to: ends of choreographed sagas, and what drivers and workflows wait for."""

from kit.dispatch import Reaction, Subscription
from kit.events import Event
from ordermesh.inventory.v1.inventory_events_pb2 import (
    StockReleased,
    StockReservationExpired,
    StockReservationFailed,
)
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from ordermesh.shipping.v1.shipping_events_pb2 import ShipmentDelivered
from services.orders import hearing, messages
from services.orders.hearing import Orchestrating
from services.orders.usecases import UnitOfWork

TOPICS = ("ordermesh.inventory.v1", "ordermesh.payments.v1", "ordermesh.shipping.v1")
CHOREOGRAPHY = frozenset({"CHOREOGRAPHY"})
ORCHESTRATION = frozenset({"ORCHESTRATION"})
DRIVEN = frozenset({"SYNC", "ORCHESTRATION"})


class OrdersConsumer:
    """Confirms and cancels as the events say."""

    def __init__(self, group: str, uow: UnitOfWork, orchestration: Orchestrating) -> None:
        self._uow = uow
        self._orchestration = orchestration
        reactions = (
            Reaction(PaymentProcessed, self.payment_processed, CHOREOGRAPHY),
            Reaction(StockReservationFailed, self.stock_reservation_failed, CHOREOGRAPHY),
            Reaction(StockReleased, self.stock_released, CHOREOGRAPHY),
            Reaction(StockReservationExpired, self.reservation_expired, DRIVEN),
            Reaction(ShipmentDelivered, self.shipment_delivered, ORCHESTRATION),
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
        """It has taken too long: the chain's sweeper looks at it, or its workflow hears of it."""
        if event.coordination == "SYNC":
            await hearing.wake_sweeper(event.key, event.event_id, self._uow)
        else:
            await hearing.tell_workflow(messages.reservation_expired(event), self._uow, self._orchestration)

    async def shipment_delivered(self, event: Event, message: ShipmentDelivered) -> None:
        """The customer has it: the order's workflow waits for that."""
        await hearing.tell_workflow(messages.shipment_delivered(event), self._uow, self._orchestration)
