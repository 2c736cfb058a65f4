"""The events that analytics counts: all that is told of orders, whoever carries them."""

from google.protobuf.message import Message

from kit.dispatch import Handler, Reaction, Subscription
from kit.events import Event
from ordermesh.orders.v1.orders_events_pb2 import (
    OrderApproved,
    OrderAwaitingApproval,
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderPlaced,
    OrderShipped,
)
from services.analytics import messages, usecases
from services.analytics.domain import Told
from services.analytics.usecases import UnitOfWork

TOPICS = ("ordermesh.orders.v1",)


class AnalyticsConsumer:
    """Counts what the events say. Every event of an order has a version, so every type is heard."""

    def __init__(self, group: str, uow: UnitOfWork) -> None:
        self._uow = uow
        reactions = (
            Reaction(OrderPlaced, self.order_placed),
            Reaction(OrderCancellationRequested, self._told(Told.CANCELLATION_REQUESTED)),
            Reaction(OrderConfirmed, self._told(Told.CONFIRMED)),
            Reaction(OrderCancelled, self._told(Told.CANCELLED)),
            Reaction(OrderAwaitingApproval, self._told(Told.AWAITING_APPROVAL)),
            Reaction(OrderApproved, self._told(Told.APPROVED)),
            Reaction(OrderShipped, self._told(Told.SHIPPED)),
            Reaction(OrderDelivered, self._told(Told.DELIVERED)),
        )
        self.subscription = Subscription(group, TOPICS, reactions)

    async def order_placed(self, event: Event, message: OrderPlaced) -> None:
        """An order, with its lines."""
        await usecases.count_event(messages.order_placed(event, message), self._uow)

    def _told(self, told: Told) -> Handler:
        """A handler of events that say no more than that."""

        async def handle(event: Event, message: Message) -> None:
            await usecases.count_event(messages.order_told(told, event), self._uow)

        return handle
