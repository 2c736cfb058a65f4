"""`make demo`: signs in, places one order through the edge, and shows how it went."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import grpc
import typer
from google.type.money_pb2 import Money

from ops import arguments, client, placing
from ops.client import Metadata, Refusal
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc
from ordermesh.payments.v1 import payments_pb2, payments_service_pb2, payments_service_pb2_grpc

Mode = Literal["sync", "choreography", "orchestration"]
WAITS = ("unspecified", "accepted", "stock_reserved", "final")
WATCH_SECONDS: Mapping[str, float] = {"standard": 60.0, "fulfil": 600.0}
"""A person may have to approve a long order, and a parcel has its way to go."""
OUTAGE_SECONDS = 3.0
"""How long an order is watched that was answered UNAVAILABLE: it ends when what is away is back."""
USER = "ada"


@dataclass(frozen=True)
class Wish:
    """What the demo orders."""

    mode: Mode
    card: str
    sku: str
    quantity: int
    flow: str
    wait: str


@dataclass(frozen=True)
class Placed:
    """What PlaceOrder answered: an order's id, and the refusal if there was one."""

    order_id: str
    refusal: Refusal | None
    elapsed_ms: float


def demo(
    mode: Annotated[Mode, typer.Option(envvar="MODE", help="Who carries the order.")] = "sync",
    card: Annotated[str, typer.Option(envvar="CARD", help="Suffix of a test token.")] = "approved",
    qty: Annotated[int, typer.Option(envvar="QTY", help="How many.")] = 1,
    sku: Annotated[str, typer.Option(envvar="SKU", help="Which product.")] = "MUG-BLUE",
    as_json: Annotated[bool, typer.Option("--json", envvar="JSON", help="One JSON line at the end.")] = False,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Place an order and show its way. Exit code 1 if the order reached no final state.

    FLOW=standard|fulfil chooses its steps, WAIT=accepted|stock_reserved|final what the answer waits for.
    """
    wish = Wish(mode, card, sku, qty, *_way(os.environ))
    running = Suite.load(suite)
    with client.edge(running) as channel, client.operator(running) as inside:
        who = client.bearer(client.sign_in(channel, USER))
        say(f"{USER} orders {wish.quantity} x {wish.sku}, card {wish.card}, coordination {wish.mode}")
        placed = _place(channel, who, wish)
        if placed.refusal is not None:
            say(f"  the call answered {placed.refusal}")
        if mode == "orchestration":
            say(f"  workflow {running.urls['temporal_ui']}/namespaces/default/workflows/{placed.order_id}")
        order = _follow(channel, who, placed, WATCH_SECONDS[wish.flow])
        payment = _payment(inside, who, placed.order_id)
    _tell_end(order, payment, placed)
    if as_json:
        typer.echo(json.dumps(_summary(order, placed)))
    raise typer.Exit(0 if placing.is_final(order.state, order.flow) else 1)


def _way(environ: Mapping[str, str]) -> tuple[str, str]:
    """The flow and the wait that are asked for, if any; SuiteError names a wrong one."""
    flow = arguments.one_of("FLOW", tuple(WATCH_SECONDS))(environ.get("FLOW") or "standard")
    return flow, arguments.one_of("WAIT", WAITS)(environ.get("WAIT") or "unspecified")


def say(line: str) -> None:
    """One line for the person who watches."""
    typer.echo(line)


def _place(channel: grpc.Channel, who: Metadata, wish: Wish) -> Placed:
    request = orders_service_pb2.PlaceOrderRequest(
        request_id=str(uuid.uuid4()),
        lines=[orders_service_pb2.PlaceOrderLine(sku=wish.sku, quantity=wish.quantity)],
        payment_token=f"tok_{wish.card}",
        coordination=orders_pb2.Coordination.Value(f"COORDINATION_{wish.mode.upper()}"),
        flow=orders_pb2.Flow.Value(f"FLOW_{wish.flow.upper()}"),
        wait=orders_pb2.Wait.Value(f"WAIT_{wish.wait.upper()}"),
    )
    stub = orders_service_pb2_grpc.OrdersServiceStub(channel)
    began = time.perf_counter()
    try:
        answer = stub.PlaceOrder(request, metadata=who, timeout=client.CALL_SECONDS)
        return Placed(answer.order.order_id, None, _ms_since(began))
    except grpc.RpcError as error:
        said = client.refusal(error)
        if "order_id" not in said.details:
            raise SuiteError(f"no order was placed: {said}") from error
        return Placed(said.details["order_id"], said, _ms_since(began))


def _follow(channel: grpc.Channel, who: Metadata, placed: Placed, seconds: float) -> orders_pb2.Order:
    """Print the order's history until it ends, then read the order."""
    stub = orders_service_pb2_grpc.OrdersServiceStub(channel)
    began: datetime | None = None
    watch = orders_service_pb2.WatchOrderRequest(order_id=placed.order_id)
    outage = placed.refusal is not None and placed.refusal.code == "UNAVAILABLE"
    try:
        for answer in stub.WatchOrder(watch, metadata=who, timeout=OUTAGE_SECONDS if outage else seconds):
            status = answer.status
            at = status.change_time.ToDatetime()
            began = began or at
            name = placing.state_of(status.state)
            wish = "  the customer asks to cancel" if status.cancel_requested else ""
            say(f"  {(at - began).total_seconds() * 1000:7.1f} ms  {name}  {status.reason}{wish}".rstrip())
    except grpc.RpcError as error:
        ended = f"watching ended: {client.refusal(error)}"
        say("  not ended yet; `make audit` lists it" if outage else f"  {ended}")
    get = orders_service_pb2.GetOrderRequest(order_id=placed.order_id)
    return stub.GetOrder(get, metadata=who, timeout=client.CALL_SECONDS).order


def _payment(inside: grpc.Channel, who: Metadata, order_id: str) -> str:
    """What became of the payment, in words."""
    stub = payments_service_pb2_grpc.PaymentsServiceStub(inside)
    request = payments_service_pb2.GetPaymentRequest(order_id=order_id)
    try:
        payment = stub.GetPayment(request, metadata=who, timeout=client.CALL_SECONDS).payment
    except grpc.RpcError as error:
        return "none" if error.code() is grpc.StatusCode.PERMISSION_DENIED else "not known"
    name = payments_pb2.PaymentState.Name(payment.state).removeprefix("PAYMENT_STATE_")
    return f"{name} {payment.reason}".strip()


def _tell_end(order: orders_pb2.Order, payment: str, placed: Placed) -> None:
    state = placing.state_of(order.state)
    say(f"order {order.order_id}: {state} {order.reason}".rstrip())
    say(f"  total {money(order.total)}, payment {payment}, answered in {placed.elapsed_ms:.0f} ms")


def _summary(order: orders_pb2.Order, placed: Placed) -> dict[str, object]:
    """What JSON=1 prints."""
    return {
        "order_id": order.order_id,
        "coordination": placing.name_of(order.coordination),
        "state": placing.state_of(order.state),
        "reason": order.reason,
        "total": money(order.total),
        "elapsed_ms": round(placed.elapsed_ms, 1),
    }


def money(amount: Money) -> str:
    """An amount as a person writes it: `25.00 EUR`."""
    return f"{amount.units}.{amount.nanos // 10_000_000:02d} {amount.currency_code}"


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
