"""The activities of the short flow: each one gRPC call with a key, so that it may be repeated.

A participant needs no Temporal SDK for this.
"""

from datetime import timedelta

from temporalio import activity

from kit.channels import Peer
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2_grpc
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory
from ordermesh.notifications.v1 import notifications_service_pb2 as notifications
from ordermesh.notifications.v1 import notifications_service_pb2_grpc
from ordermesh.orders.v1 import orders_pb2, orders_saga_service_pb2_grpc
from ordermesh.orders.v1 import orders_saga_service_pb2 as orders
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2_grpc
from ordermesh.payments.v1 import payments_service_pb2 as payments
from ordermesh.sagas.v1.sagas_pb2 import COORDINATION_ORCHESTRATION
from ordermesh.sagas.v1.workflows_pb2 import SagaStepInput, SagaStepOutput
from workflows.participants import NONE, TOO_LATE, carry_out, not_yet, payment_token, said

UNPAID = (
    payments_pb2.PAYMENT_STATE_DECLINED,
    payments_pb2.PAYMENT_STATE_VOIDED,
    payments_pb2.PAYMENT_STATE_REFUNDED,
)
"""No money has moved, or none stays moved, and none will."""
BEYOND_APPROVAL = timedelta(hours=1)
"""How much longer the stock is held than an approval may take."""


class OrderActivities:
    """The steps of `workflows/place_order/policy.py`."""

    def __init__(
        self, orders_peer: Peer, inventory_peer: Peer, payments_peer: Peer, notifications_peer: Peer
    ) -> None:
        self._orders_peer = orders_peer
        self._inventory_peer = inventory_peer
        self._payments_peer = payments_peer
        self._notifications_peer = notifications_peer
        self._orders = orders_saga_service_pb2_grpc.OrderSagaServiceStub(orders_peer.channel)
        self._inventory = inventory_service_pb2_grpc.InventoryServiceStub(inventory_peer.channel)
        self._payments = payments_service_pb2_grpc.PaymentsServiceStub(payments_peer.channel)
        self._notifications = notifications_service_pb2_grpc.NotificationsServiceStub(
            notifications_peer.channel
        )

    @activity.defn(name="ReserveStock")
    async def reserve_stock(self, step: SagaStepInput) -> SagaStepOutput:
        """Hold all lines or none. Refused: OUT_OF_STOCK."""
        request = inventory.ReserveStockRequest(
            lines=[inventory_pb2.StockLine(sku=x.sku, quantity=x.quantity) for x in step.order.lines],
            coordination=COORDINATION_ORCHESTRATION,
        )
        if step.order.needs_approval:
            request.hold.FromTimedelta(step.order.approval_timeout.ToTimedelta() + BEYOND_APPROVAL)
        answer: inventory.ReserveStockResponse = await carry_out(
            step, "reserve", self._inventory_peer, self._inventory.ReserveStock, request
        )
        return said(inventory_pb2.ReservationState, answer.reservation.state)

    @activity.defn(name="ReleaseStock")
    async def release_stock(self, step: SagaStepInput) -> SagaStepOutput:
        """Give the stock back, held or not."""
        request = inventory.ReleaseStockRequest(
            reason=step.reason,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: inventory.ReleaseStockResponse = await carry_out(
            step, "release", self._inventory_peer, self._inventory.ReleaseStock, request, NONE
        )
        return said(inventory_pb2.ReservationState, answer.reservation.state)

    @activity.defn(name="CommitStock")
    async def commit_stock(self, step: SagaStepInput) -> SagaStepOutput:
        """Mark the stock as sold."""
        request = inventory.CommitStockRequest(
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: inventory.CommitStockResponse = await carry_out(
            step, "commit", self._inventory_peer, self._inventory.CommitStock, request, NONE
        )
        return said(inventory_pb2.ReservationState, answer.reservation.state)

    @activity.defn(name="ProcessPayment")
    async def process_payment(self, step: SagaStepInput) -> SagaStepOutput:
        """Charge once. Refused: PAYMENT_DECLINED, or the reason of a cancel that came first."""
        token = await payment_token(self._orders_peer, self._orders.GetPaymentToken, step.order)
        request = payments.ProcessPaymentRequest(
            customer_id=step.order.customer_id,
            amount=step.order.total,
            payment_token=token,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.ProcessPaymentResponse = await carry_out(
            step, "charge", self._payments_peer, self._payments.ProcessPayment, request
        )
        return said(payments_pb2.PaymentState, answer.payment.state)

    @activity.defn(name="CancelPayment")
    async def cancel_payment(self, step: SagaStepInput) -> SagaStepOutput:
        """Ask the arbiter. Refused: ORDER_NOT_CANCELLABLE, the charge was first."""
        request = payments.CancelPaymentRequest(
            reason=step.reason,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.CancelPaymentResponse = await carry_out(
            step, "cancel-payment", self._payments_peer, self._payments.CancelPayment, request, (TOO_LATE,)
        )
        output = said(payments_pb2.PaymentState, answer.payment.state)
        if answer.payment.state not in UNPAID:
            raise not_yet("promised; the processor has not answered yet", output.state)
        return output

    @activity.defn(name="ConfirmOrder")
    async def confirm_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that it is paid."""
        request = orders.ConfirmOrderRequest()
        answer: orders.ConfirmOrderResponse = await carry_out(
            step, "confirm", self._orders_peer, self._orders.ConfirmOrder, request, NONE
        )
        return said(orders_pb2.OrderState, answer.order.state)

    @activity.defn(name="CloseOrder")
    async def close_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that nothing is held and no money has moved."""
        request = orders.CloseOrderRequest(reason=step.reason)
        answer: orders.CloseOrderResponse = await carry_out(
            step, "close", self._orders_peer, self._orders.CloseOrder, request, NONE
        )
        return said(orders_pb2.OrderState, answer.order.state)

    @activity.defn(name="SendConfirmation")
    async def send_confirmation(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the customer; notifications goes on with a mail that cannot be sent now."""
        request = notifications.SendConfirmationRequest(
            customer_id=step.order.customer_id,
            total=step.order.total,
            coordination=COORDINATION_ORCHESTRATION,
        )
        await carry_out(
            step,
            "send-confirmation",
            self._notifications_peer,
            self._notifications.SendConfirmation,
            request,
            NONE,
        )
        return SagaStepOutput(state="RECORDED")
