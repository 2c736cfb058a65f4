"""What the roots of the graph do: one call each, shaped. A refusal becomes an answer, see `results`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bff.web import results
from bff.web.connected import PAGE, Order, Viewer
from bff.web.connections import Connection, page_of
from bff.web.enums import OrderState
from bff.web.results import (
    CancelAccepted,
    CancelOrderInput,
    CredentialsInvalid,
    InvalidInput,
    OrderNotCancellable,
    OrderPlaced,
    OrderRefused,
    OutOfStock,
    PaymentDeclined,
    PlaceOrderInput,
    ProductsUnknown,
    SignedIn,
    SignedUp,
    SignInInput,
    SignUpInput,
    UsernameTaken,
)
from bff.web.scalars import PageSize, Sku, Version
from bff.web.session import Info
from bff.web.types import OrderStatus, Product, User, time_of
from kit.channels import Refused
from kit.errors import access_denied
from ordermesh.orders.v1 import orders_pb2, orders_service_pb2
from ordermesh.users.v1 import users_service_pb2


async def me(info: Info) -> Viewer | None:
    """Who asks."""
    found = await info.context.loaders.users.load(str(info.context.caller.user_id))
    if found is None:
        raise access_denied()
    return Viewer.of(found)


async def order(info: Info, id: uuid.UUID) -> Order | None:  # noqa: A002 - its name in the schema
    """One of the caller's orders."""
    return Order.of(await info.context.backends.order(str(id)))


async def product(info: Info, sku: Sku) -> Product | None:
    """One product; null if there is none."""
    found = await info.context.loaders.products.load(sku)
    return Product.of(found) if found else None


async def products(
    info: Info, first: PageSize = PAGE, after: str | None = None, query: str = ""
) -> Connection[Product] | None:
    """The catalogue by sku; `query`: words that must all occur."""
    answer = await info.context.backends.list_products(first, after or "", query)
    return page_of([Product.of(found) for found in answer.products], answer.next_page_token, after)


async def place_order(
    info: Info,
    input: PlaceOrderInput,  # noqa: A002 - its name in the schema
) -> OrderPlaced | OutOfStock | PaymentDeclined | ProductsUnknown | OrderRefused | InvalidInput | None:
    """Place an order."""
    request = orders_service_pb2.PlaceOrderRequest(
        request_id=str(input.request_id),
        lines=[
            orders_service_pb2.PlaceOrderLine(sku=line.sku, quantity=line.quantity) for line in input.lines
        ],
        payment_token=input.payment_token,
        flow=orders_pb2.Flow.Value(input.flow.value),
    )
    if input.coordination:
        request.coordination = orders_pb2.Coordination.Value(input.coordination.value)
    if input.wait:
        request.wait = orders_pb2.Wait.Value(input.wait.value)
    try:
        return OrderPlaced(order=Order.of(await info.context.backends.place_order(request)))
    except Refused as refusal:
        match refusal.kind:
            case "invalid":
                return results.invalid_input(refusal)
            case "refused" | "missing":
                return results.order_refused(refusal)
        raise


async def cancel_order(
    info: Info,
    input: CancelOrderInput,  # noqa: A002 - its name in the schema
) -> CancelAccepted | OrderNotCancellable | InvalidInput | None:
    """Ask to cancel an order."""
    try:
        found = await info.context.backends.cancel_order(str(input.request_id), str(input.order_id))
    except Refused as refusal:
        match refusal.kind:
            case "invalid":
                return results.invalid_input(refusal)
            case "refused":
                state = OrderState.__members__.get(refusal.details.get("state", ""))
                return OrderNotCancellable(reason=refusal.reason, message=str(refusal), state=state)
        raise
    return CancelAccepted(order=Order.of(found))


async def sign_up(
    info: Info,
    input: SignUpInput,  # noqa: A002 - its name in the schema
) -> SignedUp | UsernameTaken | InvalidInput | None:
    """Open a customer's account."""
    request = users_service_pb2.CreateUserRequest(
        request_id=str(input.request_id),
        username=input.username,
        email=input.email,
        display_name=input.display_name,
        password=input.password,
    )
    try:
        return SignedUp(user=User.of(await info.context.backends.create_user(request)))
    except Refused as refusal:
        match refusal.kind:
            case "invalid":
                return results.invalid_input(refusal)
            case "refused":
                return UsernameTaken(reason=refusal.reason, message=str(refusal), username=input.username)
        raise


async def sign_in(
    info: Info,
    input: SignInInput,  # noqa: A002 - its name in the schema
) -> SignedIn | CredentialsInvalid | InvalidInput | None:
    """Exchange a name and a password for a token."""
    try:
        answer = await info.context.backends.sign_in(input.username, input.password)
    except Refused as refusal:
        match refusal.kind:
            case "invalid":
                return results.invalid_input(refusal)
            case "unauthenticated":
                return CredentialsInvalid(reason=refusal.reason, message=str(refusal))
        raise
    return SignedIn(token=answer.token, expire_time=time_of(answer.expire_time))


async def order_status(
    info: Info,
    order_id: uuid.UUID,
    after_version: Version = Version(0),
) -> AsyncGenerator[OrderStatus, None]:
    """The history of an order behind a version, then each change as it happens, to the end."""
    session = info.context
    _ = session.caller
    after = max(after_version, session.last_event_id)
    async with aclosing(session.backends.watch(str(order_id), after)) as statuses:
        async for status in statuses:
            session.event_id = status.version
            yield OrderStatus.of(status)
