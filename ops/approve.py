"""`make approve`: an operator decides about an order of the long flow that waits for approval."""

from __future__ import annotations

import uuid
from typing import Annotated

import grpc
import typer

from ops import client
from ops.errors import SuiteError
from ops.suite import Suite
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2, orders_service_pb2_grpc

OPERATOR = "olga"


def approve(
    order: Annotated[str, typer.Option(envvar="ORDER", help="The order's id.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Reject it instead.")] = False,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Approve an order, or reject it with REJECT=1."""
    if not order:
        raise SuiteError("say which order: make approve ORDER=<id>")
    running = Suite.load(suite)
    with client.operator(running) as channel:
        who = client.bearer(client.sign_in(channel, OPERATOR))
        orders = orders_service_pb2_grpc.OrdersServiceStub(channel)
        try:
            decided = _decide(orders, who, order, rejects=reject)
        except grpc.RpcError as error:
            raise SuiteError(str(client.refusal(error))) from error
    state = orders_pb2.OrderState.Name(decided.state).removeprefix("ORDER_STATE_")
    typer.echo(
        f"{OPERATOR} {'rejects' if reject else 'approves'} order {order}: {state} {decided.reason}".rstrip()
    )


def _decide(
    orders: orders_service_pb2_grpc.OrdersServiceStub, who: client.Metadata, order_id: str, *, rejects: bool
) -> orders_pb2.Order:
    request_id = str(uuid.uuid4())
    if rejects:
        no = orders_service_pb2.RejectOrderRequest(request_id=request_id, order_id=order_id)
        return orders.RejectOrder(no, metadata=who, timeout=client.CALL_SECONDS).order
    yes = orders_service_pb2.ApproveOrderRequest(request_id=request_id, order_id=order_id)
    return orders.ApproveOrder(yes, metadata=who, timeout=client.CALL_SECONDS).order
