"""Translates between the orders' domain and its protos, both ways."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message

from kit import call, pages
from kit.events import Event
from kit.money import from_minor
from kit.requests import request_key
from ordermesh.inventory.v1.inventory_events_pb2 import StockReleased, StockReservationFailed
from ordermesh.orders.v1 import orders_events_pb2 as told
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2
from ordermesh.payments.v1.payments_events_pb2 import PaymentProcessed
from ordermesh.sagas.v1.workflows_pb2 import OrderSaga, OrderSagaLine
from services.orders import domain
from services.orders.approval import Decide
from services.orders.domain import Approval, Coordination, Fact, Flow, Order, Told, Wait
from services.orders.hearing import HearOutcome, TellWorkflow
from services.orders.usecases import PlaceOrder, Status, Viewer


def to_viewer() -> Viewer:
    """Who calls."""
    caller = call.caller()
    return Viewer(caller.user_id, caller.is_operator)


def to_decide(
    request: orders_service_pb2.ApproveOrderRequest | orders_service_pb2.RejectOrderRequest, *, approves: bool
) -> Decide:
    """The command in a request."""
    return Decide(UUID(request.request_id), UUID(request.order_id), to_viewer(), approves)


def workflow_url(order: Order, ui: str) -> str:
    """Where an operator can look at the workflow of an order; empty for everybody else."""
    if not ui or order.coordination is not Coordination.ORCHESTRATION or not call.caller().is_operator:
        return ""
    return f"{ui}/namespaces/default/workflows/{order.order_id}"


def to_place_order(request: orders_service_pb2.PlaceOrderRequest, customer_id: UUID) -> PlaceOrder:
    """The command in a request."""
    coordination = orders_pb2.Coordination.Name(request.coordination).removeprefix("COORDINATION_")
    flow = orders_pb2.Flow.Name(request.flow).removeprefix("FLOW_")
    return PlaceOrder(
        key=request_key(customer_id, request),
        customer_id=customer_id,
        wanted=tuple((line.sku, line.quantity) for line in request.lines),
        payment_token=request.payment_token,
        coordination=Coordination(coordination) if request.coordination else None,
        flow=Flow(flow) if request.flow else Flow.STANDARD,
        wait=Wait(orders_pb2.Wait.Name(request.wait).removeprefix("WAIT_")),
    )


def to_saga(order: Order, traceparent: str, approval: Approval) -> OrderSaga:
    """What an order's workflow is started with."""
    saga = OrderSaga(
        order_id=str(order.order_id),
        customer_id=str(order.customer_id),
        lines=[OrderSagaLine(sku=line.sku, quantity=line.quantity) for line in order.lines],
        total=from_minor(order.total, order.currency_code),
        traceparent=traceparent,
        needs_approval=domain.needs_approval(order, approval.limit),
    )
    saga.approval_timeout.FromTimedelta(approval.timeout)
    return saga


def to_outcome(order_id: str, told: Told, reason: str = "") -> HearOutcome:
    """What a workflow tells of an order."""
    return HearOutcome(UUID(order_id), None, told, reason)


def from_order(order: Order, workflow_url: str = "") -> orders_pb2.Order:
    """The order on the wire; the address of its workflow for those who may look at it."""
    message = orders_pb2.Order(
        order_id=str(order.order_id),
        customer_id=str(order.customer_id),
        state=orders_pb2.OrderState.Value(f"ORDER_STATE_{order.state}"),
        version=order.version,
        total=from_minor(order.total, order.currency_code),
        coordination=orders_pb2.Coordination.Value(f"COORDINATION_{order.coordination}"),
        coordination_reason=order.coordination_reason,
        flow=orders_pb2.Flow.Value(f"FLOW_{order.flow}"),
        reason=order.reason,
        cancel_requested=order.cancel_requested,
        workflow_url=workflow_url,
    )
    message.lines.extend(_from_lines(order))
    if order.create_time is not None and order.update_time is not None:
        message.create_time.FromDatetime(order.create_time)
        message.update_time.FromDatetime(order.update_time)
    return message


def _from_lines(order: Order) -> list[orders_pb2.OrderLine]:
    return [
        orders_pb2.OrderLine(
            sku=line.sku,
            title=line.title,
            quantity=line.quantity,
            unit_price=from_minor(line.unit_price, order.currency_code),
        )
        for line in order.lines
    ]


def payment_processed(event: Event, message: PaymentProcessed) -> HearOutcome:
    """The command in an event."""
    return HearOutcome(event.key, event.event_id, Told.PAYMENT_PROCESSED)


def reservation_expired(event: Event) -> TellWorkflow:
    """The command in an event: the hold is overdue, as if somebody wanted the order cancelled."""
    return TellWorkflow(event.key, event.event_id, "cancel", "RESERVATION_EXPIRED")


def shipment_delivered(event: Event) -> TellWorkflow:
    """The command in an event."""
    return TellWorkflow(event.key, event.event_id, "delivered")


def stock_reservation_failed(event: Event, message: StockReservationFailed) -> HearOutcome:
    """The command in an event."""
    return HearOutcome(event.key, event.event_id, Told.STOCK_RESERVATION_FAILED, message.reason)


def stock_released(event: Event, message: StockReleased) -> HearOutcome:
    """The command in an event."""
    return HearOutcome(event.key, event.event_id, Told.STOCK_RELEASED, message.reason)


def to_event(fact: Fact, order: Order, payment_token: str) -> Message:
    """The event that tells a fact of this order; the token only where payments learns it by the event."""
    order_id = str(fact.order_id)
    match fact:
        case domain.OrderPlaced():
            return told.OrderPlaced(
                order_id=order_id,
                customer_id=str(order.customer_id),
                lines=_from_lines(order),
                total=from_minor(order.total, order.currency_code),
                payment_token=payment_token,
            )
        case domain.OrderCancellationRequested():
            return told.OrderCancellationRequested(order_id=order_id, reason=domain.CUSTOMER)
        case domain.OrderCancelled():
            return told.OrderCancelled(order_id=order_id, reason=fact.reason)
    return _NOTHING_MORE_TO_SAY[type(fact)](order_id=order_id)


_NOTHING_MORE_TO_SAY: Mapping[type[Fact], Callable[..., Message]] = {
    domain.OrderConfirmed: told.OrderConfirmed,
    domain.OrderAwaitingApproval: told.OrderAwaitingApproval,
    domain.OrderApproved: told.OrderApproved,
    domain.OrderShipped: told.OrderShipped,
    domain.OrderDelivered: told.OrderDelivered,
}


def from_status(status: Status) -> orders_pb2.OrderStatus:
    """One entry of the history on the wire."""
    message = orders_pb2.OrderStatus(
        order_id=str(status.order_id),
        version=status.version,
        state=orders_pb2.OrderState.Value(f"ORDER_STATE_{status.state}"),
        reason=status.reason,
        cancel_requested=status.cancel_requested,
    )
    message.change_time.FromDatetime(status.change_time)
    return message


def to_cursor(page_token: str, viewer: Viewer) -> tuple[datetime, UUID] | None:
    """Where a page starts: before this order; None at the newest."""
    parts = pages.decode(page_token, f"orders of {viewer.user_id}", parts=2)
    if not parts:
        return None
    try:
        return datetime.fromisoformat(parts[0]), UUID(parts[1])
    except ValueError as error:
        raise pages.invalid() from error


def from_cursor(last: Order, viewer: Viewer) -> str:
    """The token of the page after this order."""
    time = last.create_time.isoformat() if last.create_time else ""
    return pages.encode([time, str(last.order_id)], f"orders of {viewer.user_id}")
