"""The activities of the long flow beside those of the short one: each one gRPC call with a key."""

from temporalio import activity

from kit.channels import Peer
from ordermesh.orders.v1 import orders_saga_service_pb2 as orders
from ordermesh.orders.v1 import orders_saga_service_pb2_grpc
from ordermesh.payments.v1 import payments_service_pb2 as payments
from ordermesh.payments.v1 import payments_service_pb2_grpc
from ordermesh.sagas.v1.sagas_pb2 import COORDINATION_ORCHESTRATION
from ordermesh.sagas.v1.workflows_pb2 import SagaStepInput, SagaStepOutput
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2_grpc
from ordermesh.shipping.v1 import shipping_service_pb2 as shipping
from workflows.participants import NONE, ask, done, key, order_state, payment_state


class FulfilActivities:
    """The steps of `workflows/fulfil_order/policy.py`."""

    def __init__(self, orders_peer: Peer, payments_peer: Peer, shipping_peer: Peer) -> None:
        self._orders_peer = orders_peer
        self._payments_peer = payments_peer
        self._shipping_peer = shipping_peer
        self._orders = orders_saga_service_pb2_grpc.OrderSagaServiceStub(orders_peer.channel)
        self._payments = payments_service_pb2_grpc.PaymentsServiceStub(payments_peer.channel)
        self._shipping = shipping_service_pb2_grpc.ShippingServiceStub(shipping_peer.channel)

    @activity.defn(name="AuthorizePayment")
    async def authorise_payment(self, step: SagaStepInput) -> SagaStepOutput:
        """Set the money aside once. Refused: PAYMENT_DECLINED, or the reason of a cancel that came first."""
        token: orders.GetPaymentTokenResponse = await ask(
            self._orders_peer,
            self._orders.GetPaymentToken,
            orders.GetPaymentTokenRequest(order_id=step.order.order_id),
            step.order,
        )
        request = payments.AuthorizePaymentRequest(
            request_id=key(step, "authorise"),
            order_id=step.order.order_id,
            customer_id=step.order.customer_id,
            amount=step.order.total,
            payment_token=token.payment_token,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.AuthorizePaymentResponse = await ask(
            self._payments_peer, self._payments.AuthorizePayment, request, step.order
        )
        done("authorise")
        return payment_state(answer.payment)

    @activity.defn(name="CapturePayment")
    async def capture_payment(self, step: SagaStepInput) -> SagaStepOutput:
        """Take what was set aside, once. Refused: the reason of a cancel that came first."""
        request = payments.CapturePaymentRequest(
            request_id=key(step, "capture"),
            order_id=step.order.order_id,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.CapturePaymentResponse = await ask(
            self._payments_peer, self._payments.CapturePayment, request, step.order
        )
        done("capture")
        return payment_state(answer.payment)

    @activity.defn(name="BookShipment")
    async def book_shipment(self, step: SagaStepInput) -> SagaStepOutput:
        """Book the carrier for all lines. Refused: SHIPMENT_REFUSED."""
        request = shipping.BookShipmentRequest(
            request_id=key(step, "book-shipment"),
            order_id=step.order.order_id,
            customer_id=step.order.customer_id,
            lines=[shipping_pb2.ShipmentLine(sku=x.sku, quantity=x.quantity) for x in step.order.lines],
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: shipping.BookShipmentResponse = await ask(
            self._shipping_peer, self._shipping.BookShipment, request, step.order
        )
        done("book-shipment")
        return _shipment(answer.shipment)

    @activity.defn(name="CancelShipment")
    async def cancel_shipment(self, step: SagaStepInput) -> SagaStepOutput:
        """Let nothing be shipped, booked or not."""
        request = shipping.CancelShipmentRequest(
            request_id=key(step, "cancel-shipment"),
            order_id=step.order.order_id,
            reason=step.reason,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: shipping.CancelShipmentResponse = await ask(
            self._shipping_peer, self._shipping.CancelShipment, request, step.order, ends=NONE
        )
        done("cancel-shipment")
        return _shipment(answer.shipment)

    @activity.defn(name="DispatchShipment")
    async def dispatch_shipment(self, step: SagaStepInput) -> SagaStepOutput:
        """Hand it over to the carrier, who delivers it."""
        request = shipping.DispatchShipmentRequest(
            request_id=key(step, "dispatch-shipment"),
            order_id=step.order.order_id,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: shipping.DispatchShipmentResponse = await ask(
            self._shipping_peer, self._shipping.DispatchShipment, request, step.order, ends=NONE
        )
        done("dispatch-shipment")
        return _shipment(answer.shipment)

    @activity.defn(name="AwaitApproval")
    async def await_approval(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that a person has to approve it."""
        request = orders.AwaitApprovalRequest(
            request_id=key(step, "await-approval"), order_id=step.order.order_id
        )
        answer: orders.AwaitApprovalResponse = await ask(
            self._orders_peer, self._orders.AwaitApproval, request, step.order, ends=NONE
        )
        done("await-approval")
        return order_state(answer.order)

    @activity.defn(name="ResumeOrder")
    async def resume_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that a person has approved it."""
        request = orders.ResumeOrderRequest(request_id=key(step, "resume"), order_id=step.order.order_id)
        answer: orders.ResumeOrderResponse = await ask(
            self._orders_peer, self._orders.ResumeOrder, request, step.order, ends=NONE
        )
        done("resume")
        return order_state(answer.order)

    @activity.defn(name="ShipOrder")
    async def ship_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that the carrier has it."""
        request = orders.ShipOrderRequest(request_id=key(step, "ship"), order_id=step.order.order_id)
        answer: orders.ShipOrderResponse = await ask(
            self._orders_peer, self._orders.ShipOrder, request, step.order, ends=NONE
        )
        done("ship")
        return order_state(answer.order)

    @activity.defn(name="DeliverOrder")
    async def deliver_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that the customer has it."""
        request = orders.DeliverOrderRequest(request_id=key(step, "deliver"), order_id=step.order.order_id)
        answer: orders.DeliverOrderResponse = await ask(
            self._orders_peer, self._orders.DeliverOrder, request, step.order, ends=NONE
        )
        done("deliver")
        return order_state(answer.order)


def _shipment(shipment: shipping_pb2.Shipment) -> SagaStepOutput:
    name = shipping_pb2.ShipmentState.Name(shipment.state)
    return SagaStepOutput(state=name.removeprefix("SHIPMENT_STATE_"))
