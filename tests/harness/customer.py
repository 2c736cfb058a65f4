"""A customer who calls the suite through the edge, as a client program would."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import grpc

from ops.client import Metadata, bearer, refusal
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc
from ordermesh.users.v1 import users_service_pb2, users_service_pb2_grpc

PASSWORD = "a-password-of-a-test"
CALL_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """What a call answered: `code` is OK or the status' name; the order if there is one."""

    code: str
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)
    order: orders_pb2.Order | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def order_id(self) -> str:
        """The order that the answer is about; "" if it names none."""
        return self.order.order_id if self.order is not None else self.details.get("order_id", "")


class Customer:
    """One user with a token of their own, so that their orders are told from all others'."""

    def __init__(self, channel: grpc.Channel, username: str, token: str, user_id: str) -> None:
        self.username = username
        self.user_id = user_id
        self.metadata: Metadata = bearer(token)
        self.seen: list[int] = []
        self.orders = orders_service_pb2_grpc.OrdersServiceStub(channel)

    @classmethod
    def new(cls, channel: grpc.Channel) -> "Customer":
        """Create an account and sign in."""
        users = users_service_pb2_grpc.UsersServiceStub(channel)
        username = f"t{uuid.uuid4().hex[:20]}"
        made = users.CreateUser(
            users_service_pb2.CreateUserRequest(
                request_id=str(uuid.uuid4()),
                username=username,
                email=f"{username}@example.com",
                display_name="A Test",
                password=PASSWORD,
            ),
            timeout=CALL_SECONDS,
        )
        request = users_service_pb2.SignInRequest(username=username, password=PASSWORD)
        token = users.SignIn(request, timeout=CALL_SECONDS).token
        return cls(channel, username, token, made.user.user_id)

    def place(
        self,
        *,
        card: str = "approved",
        sku: str = "MUG-BLUE",
        quantity: int = 1,
        lines: Mapping[str, int] | None = None,
        request_id: str = "",
        seconds: float = CALL_SECONDS,
        wait: orders_pb2.Wait.ValueType = orders_pb2.WAIT_UNSPECIFIED,
        coordination: orders_pb2.Coordination.ValueType = orders_pb2.COORDINATION_SYNC,
        flow: orders_pb2.Flow.ValueType = orders_pb2.FLOW_STANDARD,
    ) -> Answer:
        """Place an order of one product, or of several (`lines`: sku → quantity)."""
        wanted = lines or {sku: quantity}
        request = orders_service_pb2.PlaceOrderRequest(
            request_id=request_id or str(uuid.uuid4()),
            lines=[orders_service_pb2.PlaceOrderLine(sku=name, quantity=n) for name, n in wanted.items()],
            payment_token=f"tok_{card}",
            coordination=coordination,
            flow=flow,
            wait=wait,
        )
        began = time.perf_counter()
        try:
            answer = self.orders.PlaceOrder(request, metadata=self.metadata, timeout=seconds)
        except grpc.RpcError as error:
            return replace(_refused(error), seconds=time.perf_counter() - began)
        return Answer("OK", order=answer.order, seconds=time.perf_counter() - began)

    def cancel(self, order_id: str, request_id: str = "") -> Answer:
        """Ask to cancel an order."""
        request = orders_service_pb2.CancelOrderRequest(
            request_id=request_id or str(uuid.uuid4()), order_id=order_id
        )
        try:
            answer = self.orders.CancelOrder(request, metadata=self.metadata, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            return _refused(error)
        return Answer("OK", order=answer.order)

    def get(self, order_id: str) -> orders_pb2.Order:
        """Read an order."""
        request = orders_service_pb2.GetOrderRequest(order_id=order_id)
        return self.orders.GetOrder(request, metadata=self.metadata, timeout=CALL_SECONDS).order

    def all_orders(self) -> list[orders_pb2.Order]:
        """The customer's orders, newest first (at most 100)."""
        request = orders_service_pb2.ListOrdersRequest(page_size=100)
        answer = self.orders.ListOrders(
            request, metadata=self.metadata, timeout=CALL_SECONDS, wait_for_ready=True
        )
        return list(answer.orders)

    def history(self, order_id: str, after_version: int = 0) -> list[orders_pb2.OrderStatus]:
        """The order's history until it ends."""
        request = orders_service_pb2.WatchOrderRequest(order_id=order_id, after_version=after_version)
        watched = self.orders.WatchOrder(request, metadata=self.metadata, timeout=30)
        return [answer.status for answer in watched]

    def watch(self, order_id: str) -> str:
        """Watch an order, noting the versions in `seen`; the reason why the stream broke off, or ""."""
        request = orders_service_pb2.WatchOrderRequest(order_id=order_id)
        try:
            for answer in self.orders.WatchOrder(request, metadata=self.metadata, timeout=30):
                self.seen.append(answer.status.version)
        except grpc.RpcError as error:
            return refusal(error).reason
        return ""


def _refused(error: grpc.RpcError) -> Answer:
    said = refusal(error)
    return Answer(said.code, said.reason, said.details)
