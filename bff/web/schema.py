"""The names of the graph's roots; what they do is in `resolvers`."""

from __future__ import annotations

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from bff.web import resolvers
from bff.web.prepared import Prepared
from bff.web.results import CancelOrderResult, PlaceOrderResult, SignInResult, SignUpResult
from bff.web.scalars import SCALARS


@strawberry.type(description="What can be asked.")
class Query:
    """Everything that changes nothing."""

    me = strawberry.field(resolver=resolvers.me, description="The account that asks.")
    order = strawberry.field(resolver=resolvers.order, description="One of the caller's orders.")
    product = strawberry.field(resolver=resolvers.product, description="One product; null if there is none.")
    products = strawberry.field(
        resolver=resolvers.products, description="The catalogue by sku. `query`: words that must all occur."
    )


@strawberry.type(description="What can be changed. A refusal is an answer, too.")
class Mutation:
    """Everything that changes something, idempotent by its requestId."""

    place_order: PlaceOrderResult | None = strawberry.field(
        resolver=resolvers.place_order,
        description="Place an order. Repeat it with the same requestId as often as you like.",
    )
    cancel_order: CancelOrderResult | None = strawberry.field(
        resolver=resolvers.cancel_order, description="Ask to cancel an order; the payment decides."
    )
    sign_up: SignUpResult | None = strawberry.field(
        resolver=resolvers.sign_up, description="Open a customer's account."
    )
    sign_in: SignInResult | None = strawberry.field(
        resolver=resolvers.sign_in, description="Exchange a name and a password for a token."
    )


@strawberry.type(description="What can be watched, by server-sent events (graphql-sse).")
class Subscription:
    """Streams."""

    order_status = strawberry.subscription(
        resolver=resolvers.order_status,
        description="An order's history behind a version, or behind the header Last-Event-ID, without gap or "
        "repeat; then each change as it happens. Ends after a final state.",
    )


class Schema(strawberry.Schema):
    """Logs nothing itself: it would write the text of the query, with the passwords that stand in it."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """They are told, and logged if they are ours, in `errors`."""


SCHEMA = Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    extensions=[Prepared],
    config=StrawberryConfig(scalar_map=SCALARS),
)
