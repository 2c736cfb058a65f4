"""The activities of the long flow beside those of the short one: each one gRPC call with a key."""

from temporalio import activity

from kit.channels import Peer
from ordermesh.orders.v1 import orders_pb2, orders_saga_service_pb2_grpc
from ordermesh.orders.v1 import orders_saga_service_pb2 as orders
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2_grpc
from ordermesh.payments.v1 import payments_service_pb2 as payments
from ordermesh.sagas.v1.sagas_pb2 import COORDINATION_ORCHESTRATION
from ordermesh.sagas.v1.workflows_pb2 import SagaStepInput, SagaStepOutput
from ordermesh.shipping.v1 import shipping_pb2, shipping_service_pb2_grpc
from ordermesh.shipping.v1 import shipping_service_pb2 as shipping
from workflows.participants import NONE, carry_out, payment_token, said


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
        token = await payment_token(self._orders_peer, self._orders.GetPaymentToken, step.order)
        request = payments.AuthorizePaymentRequest(
            customer_id=step.order.customer_id,
            amount=step.order.total,
            payment_token=token,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.AuthorizePaymentResponse = await carry_out(
            step, "authorise", self._payments_peer, self._payments.AuthorizePayment, request
        )
        return said(payments_pb2.PaymentState, answer.payment.state)

    @activity.defn(name="CapturePayment")
    async def capture_payment(self, step: SagaStepInput) -> SagaStepOutput:
        """Take what was set aside, once. Refused: the reason of a cancel that came first."""
        request = payments.CapturePaymentRequest(
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: payments.CapturePaymentResponse = await carry_out(
            step, "capture", self._payments_peer, self._payments.CapturePayment, request
        )
        return said(payments_pb2.PaymentState, answer.payment.state)

    @activity.defn(name="BookShipment")
    async def book_shipment(self, step: SagaStepInput) -> SagaStepOutput:
        """Book the carrier for all lines. Refused: SHIPMENT_REFUSED."""
        request = shipping.BookShipmentRequest(
            customer_id=step.order.customer_id,
            lines=[shipping_pb2.ShipmentLine(sku=x.sku, quantity=x.quantity) for x in step.order.lines],
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: shipping.BookShipmentResponse = await carry_out(
            step, "book-shipment", self._shipping_peer, self._shipping.BookShipment, request
        )
        return said(shipping_pb2.ShipmentState, answer.shipment.state)

    @activity.defn(name="CancelShipment")
    async def cancel_shipment(self, step: SagaStepInput) -> SagaStepOutput:
        """Let nothing be shipped, booked or not."""
        request = shipping.CancelShipmentRequest(
            reason=step.reason,
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: shipping.CancelShipmentResponse = await carry_out(
            step, "cancel-shipment", self._shipping_peer, self._shipping.CancelShipment, request, NONE
        )
        return said(shipping_pb2.ShipmentState, answer.shipment.state)

    @activity.defn(name="DispatchShipment")
    async def dispatch_shipment(self, step: SagaStepInput) -> SagaStepOutput:
        """Hand it over to the carrier, who delivers it."""
        request = shipping.DispatchShipmentRequest(
            coordination=COORDINATION_ORCHESTRATION,
        )
        answer: shipping.DispatchShipmentResponse = await carry_out(
            step, "dispatch-shipment", self._shipping_peer, self._shipping.DispatchShipment, request, NONE
        )
        return said(shipping_pb2.ShipmentState, answer.shipment.state)

    @activity.defn(name="AwaitApproval")
    async def await_approval(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that a person has to approve it."""
        request = orders.AwaitApprovalRequest()
        answer: orders.AwaitApprovalResponse = await carry_out(
            step, "await-approval", self._orders_peer, self._orders.AwaitApproval, request, NONE
        )
        return said(orders_pb2.OrderState, answer.order.state)

    @activity.defn(name="ResumeOrder")
    async def resume_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that a person has approved it."""
        request = orders.ResumeOrderRequest()
        answer: orders.ResumeOrderResponse = await carry_out(
            step, "resume", self._orders_peer, self._orders.ResumeOrder, request, NONE
        )
        return said(orders_pb2.OrderState, answer.order.state)

    @activity.defn(name="ShipOrder")
    async def ship_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that the carrier has it."""
        request = orders.ShipOrderRequest()
        answer: orders.ShipOrderResponse = await carry_out(
            step, "ship", self._orders_peer, self._orders.ShipOrder, request, NONE
        )
        return said(orders_pb2.OrderState, answer.order.state)

    @activity.defn(name="DeliverOrder")
    async def deliver_order(self, step: SagaStepInput) -> SagaStepOutput:
        """Tell the order that the customer has it."""
        request = orders.DeliverOrderRequest()
        answer: orders.DeliverOrderResponse = await carry_out(
            step, "deliver", self._orders_peer, self._orders.DeliverOrder, request, NONE
        )
        return said(orders_pb2.OrderState, answer.order.state)
