"""The saga's steps as calls to the participants: the only file of the modes that knows their stubs.

Every call carries the step's key, derived from order and step, so it may be repeated by anybody.
"""

from uuid import UUID

from kit.channels import Peer, Refused, Unanswered
from kit.ids import step_key
from kit.money import from_minor
from ordermesh.inventory.v1 import inventory_pb2, inventory_service_pb2_grpc
from ordermesh.inventory.v1 import inventory_service_pb2 as inventory
from ordermesh.notifications.v1 import notifications_service_pb2 as notifications
from ordermesh.notifications.v1 import notifications_service_pb2_grpc
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2_grpc
from ordermesh.payments.v1 import payments_service_pb2 as payments
from ordermesh.sagas.v1 import sagas_pb2
from services.orders.coordination.journal import Heard, Message
from services.orders.domain import Order

SYNC = sagas_pb2.COORDINATION_SYNC


class Participants:
    """Inventory, payments and notifications, as the saga sees them."""

    def __init__(self, inventory_peer: Peer, payments_peer: Peer, notifications_peer: Peer) -> None:
        self._inventory_peer = inventory_peer
        self._payments_peer = payments_peer
        self._notifications_peer = notifications_peer
        self._inventory = inventory_service_pb2_grpc.InventoryServiceStub(inventory_peer.channel)
        self._payments = payments_service_pb2_grpc.PaymentsServiceStub(payments_peer.channel)
        self._notifications = notifications_service_pb2_grpc.NotificationsServiceStub(
            notifications_peer.channel
        )

    async def reserve(self, order: Order) -> Message:
        """Hold the stock. An answer that does not come leaves it open whether it is held."""
        request = inventory.ReserveStockRequest(
            request_id=str(step_key(order.order_id, "reserve")),
            order_id=str(order.order_id),
            lines=[inventory_pb2.StockLine(sku=line.sku, quantity=line.quantity) for line in order.lines],
            coordination=SYNC,
        )
        try:
            await self._inventory_peer.call(self._inventory.ReserveStock, request)
        except Refused as error:
            if error.reason == "OUT_OF_STOCK":
                return Message(Heard.STOCK_REFUSED, error.reason, error.details)
            return Message(Heard.RESERVE_OPEN, error.reason, error.details)
        except Unanswered:
            return Message(Heard.RESERVE_OPEN, "INVENTORY_UNAVAILABLE", {"dependency": "inventory"})
        return Message(Heard.RESERVED)

    async def charge(self, order: Order, payment_token: str) -> Message:
        """Charge the order. Raises Unanswered when it stays open whether it is charged."""
        request = payments.ProcessPaymentRequest(
            request_id=str(step_key(order.order_id, "charge")),
            order_id=str(order.order_id),
            customer_id=str(order.customer_id),
            amount=from_minor(order.total, order.currency_code),
            payment_token=payment_token,
            coordination=SYNC,
        )
        try:
            await self._payments_peer.call(self._payments.ProcessPayment, request)
        except Refused as error:
            if error.reason == "PAYMENT_DECLINED":
                return Message(Heard.PAYMENT_FAILED, error.reason, error.details)
            if error.reason == "PAYMENT_CANCELLED":
                return Message(Heard.PAYMENT_FAILED, error.details.get("cancel_reason", error.reason))
            return Message(Heard.CHARGE_OPEN, error.reason, error.details)
        return Message(Heard.PAID)

    async def cancel_payment(self, order_id: UUID, reason: str) -> Message:
        """Ask the payment, which decides every race. Raises Unanswered."""
        request = payments.CancelPaymentRequest(
            request_id=str(step_key(order_id, "cancel-payment")),
            order_id=str(order_id),
            reason=reason,
            coordination=SYNC,
        )
        try:
            answer = await self._payments_peer.call(self._payments.CancelPayment, request)
        except Refused as error:
            if error.reason == "ORDER_NOT_CANCELLABLE":
                return Message(Heard.PAID)
            raise
        if answer.payment.state == payments_pb2.PAYMENT_STATE_CHARGING:
            return Message(Heard.CANCEL_PROMISED, reason)
        return Message(Heard.PAYMENT_FAILED, reason)

    async def release(self, order_id: UUID, reason: str) -> Message:
        """Give the stock back, held or not. Raises Unanswered."""
        request = inventory.ReleaseStockRequest(
            request_id=str(step_key(order_id, "release")),
            order_id=str(order_id),
            coordination=SYNC,
            reason=reason,
        )
        await self._inventory_peer.call(self._inventory.ReleaseStock, request)
        return Message(Heard.RELEASED)

    async def finish(self, order: Order) -> Message:
        """Sell the stock and tell the customer. Raises Unanswered."""
        order_id = str(order.order_id)
        commit = inventory.CommitStockRequest(
            request_id=str(step_key(order.order_id, "commit")), order_id=order_id, coordination=SYNC
        )
        await self._inventory_peer.call(self._inventory.CommitStock, commit)
        confirmation = notifications.SendConfirmationRequest(
            request_id=str(step_key(order.order_id, "send-confirmation")),
            order_id=order_id,
            customer_id=str(order.customer_id),
            total=from_minor(order.total, order.currency_code),
            coordination=SYNC,
        )
        await self._notifications_peer.call(self._notifications.SendConfirmation, confirmation)
        return Message(Heard.FINISHED)
