"""The activities of the short flow: each one gRPC call with a key, so that it may be repeated.

A participant needs no Temporal SDK for this. The payment token is fetched for the call that needs it and
stands in no history.
"""

from temporalio import activity
from temporalio.exceptions import ApplicationError

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
from workflows.participants import NONE, TOO_LATE, ask, done, key


class OrderActivities:
    """The steps of `workflows/place_order/policy.py`."""

    def __init__(
        self, orders_peer: Peer, inventory_peer: Peer, payments_peer: Peer, notifications_peer: Peer
    ) -> None:
        self._peers = (orders_peer, inventory_peer, payments_peer, notifications_peer)
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
            request_id=key(step, "reserve"),
            order_id=step.order.order_id,
            lines=[inventory_pb2.StockLine(sku=x.sku, quantity=x.quantity) for x in step.order.lines],
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: inventory.ReserveStockResponse = await ask(
            self._peers[1], self._inventory.ReserveStock, request, step.order
        )
        done("reserve")
        return _reservation(answer.reservation)

    @activity.defn(name="ReleaseStock")
    async def release_stock(self, step: SagaStepInput) -> SagaStepOutput:
        """Give the stock back, held or not."""
        request = inventory.ReleaseStockRequest(
            request_id=key(step, "release"),
            order_id=step.order.order_id,
            reason=step.reason,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: inventory.ReleaseStockResponse = await ask(
            self._peers[1], self._inventory.ReleaseStock, request, step.order, ends=NONE
        )
        done("release")
        return _reservation(answer.reservation)

    @activity.defn(name="CommitStock")
    async def commit_stock(self, step: SagaStepInput) -> SagaStepOutput:
        """Mark the stock as sold."""
        request = inventory.CommitStockRequest(
            request_id=key(step, "commit"),
            order_id=step.order.order_id,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: inventory.CommitStockResponse = await ask(
            self._peers[1], self._inventory.CommitStock, request, step.order, ends=NONE
        )
        done("commit")
        return _reservation(answer.reservation)

    @activity.defn(name="ProcessPayment")
    async def process_payment(self, step: SagaStepInput) -> SagaStepOutput:
        """Charge once. Refused: PAYMENT_DECLINED, or the reason of a cancel that came first."""
        token: orders.GetPaymentTokenResponse = await ask(
            self._peers[0],
            self._orders.GetPaymentToken,
            orders.GetPaymentTokenRequest(order_id=step.order.order_id),
            step.order,
        )
        request = payments.ProcessPaymentRequest(
            request_id=key(step, "charge"),
            order_id=step.order.order_id,
            customer_id=step.order.customer_id,
            amount=step.order.total,
            payment_token=token.payment_token,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.ProcessPaymentResponse = await ask(
            self._peers[2], self._payments.ProcessPayment, request, step.order
        )
        done("charge")
        return _payment(answer.payment)

    @activity.defn(name="CancelPayment")
    async def cancel_payment(self, step: SagaStepInput) -> SagaStepOutput:
        """Ask the arbiter. Refused: ORDER_NOT_CANCELLABLE, the charge was first."""
        request = payments.CancelPaymentRequest(
            request_id=key(step, "cancel-payment"),
            order_id=step.order.order_id,
            reason=step.reason,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.CancelPaymentResponse = await ask(
            self._peers[2], self._payments.CancelPayment, request, step.order, ends=(TOO_LATE,)
        )
        done("cancel-payment")
        output = _payment(answer.payment)
        if answer.payment.state == payments_pb2.PAYMENT_STATE_CHARGING:
            raise ApplicationError("promised; the processor has not answered yet", type=output.state)
        return output

    @activity.defn(name="ConfirmOrder")
    async def confirm_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that it is paid."""
        request = orders.ConfirmOrderRequest(request_id=key(step, "confirm"), order_id=step.order.order_id)
        answer: orders.ConfirmOrderResponse = await ask(
            self._peers[0], self._orders.ConfirmOrder, request, step.order, ends=NONE
        )
        done("confirm")
        return _order(answer.order)

    @activity.defn(name="CloseOrder")
    async def close_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that nothing is held and no money has moved."""
        request = orders.CloseOrderRequest(
            request_id=key(step, "close"), order_id=step.order.order_id, reason=step.reason
        )
        answer: orders.CloseOrderResponse = await ask(
            self._peers[0], self._orders.CloseOrder, request, step.order, ends=NONE
        )
        done("close")
        return _order(answer.order)

    @activity.defn(name="SendConfirmation")
    async def send_confirmation(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the customer; notifications goes on with a mail that cannot be sent now."""
        request = notifications.SendConfirmationRequest(
            request_id=key(step, "send-confirmation"),
            order_id=step.order.order_id,
            customer_id=step.order.customer_id,
            total=step.order.total,
            coordination=COORDINATION_ORCHESTRATION,
        )
        await ask(self._peers[3], self._notifications.SendConfirmation, request, step.order, ends=NONE)
        done("send-confirmation")
        return SagaStepOutput(state="RECORDED")


def _reservation(reservation: inventory_pb2.Reservation) -> SagaStepOutput:
    name = inventory_pb2.ReservationState.Name(reservation.state)
    return SagaStepOutput(state=name.removeprefix("RESERVATION_STATE_"))


def _payment(payment: payments_pb2.Payment) -> SagaStepOutput:
    name = payments_pb2.PaymentState.Name(payment.state)
    return SagaStepOutput(state=name.removeprefix("PAYMENT_STATE_"))


def _order(order: orders_pb2.Order) -> SagaStepOutput:
    return SagaStepOutput(state=orders_pb2.OrderState.Name(order.state).removeprefix("ORDER_STATE_"))
