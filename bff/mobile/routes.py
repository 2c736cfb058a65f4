"""The operations at /mobile/v1: names, parameters and what is answered; one call a screen."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.security import HTTPBearer
from starlette.datastructures import State
from starlette.responses import Response

from bff.mobile import checkout, etags, following, problems, screens
from bff.mobile.following import LONGEST_WAIT
from bff.mobile.schemas import LARGEST, Checkout, Home, News, OrderScreen, SignIn, Token
from kit import call
from kit.call import Caller
from kit.http_api import EVENTS, IDEMPOTENCY_KEY, JSON, StrictRoute, accepted
from kit.http_guard import allow, authenticate
from kit.sse import last_event_id

PREFIX = "/mobile/v1"
SLACK_SECONDS = 5.0
"""For the calls before and after a wait."""


def _parts(request: Request) -> State:
    """What the application was built with, see `app`."""
    found: State = request.app.state
    return found


def _takes_json(request: Request) -> None:
    accepted(request, JSON)


async def _signed_in(request: Request) -> Caller:
    return await authenticate(request, request.app.state.tokens)


@dataclass(frozen=True)
class Following:
    """How an order is to be followed, and behind which version."""

    streamed: bool
    after: int
    wait: int


def _following(
    request: Request,
    after: Annotated[int, Query(ge=0, le=LARGEST, description="the last version that the client has")] = 0,
    wait: Annotated[
        int, Query(ge=1, le=LONGEST_WAIT, description="JSON only: seconds to wait for something new")
    ] = 20,
    last_seen: Annotated[
        str | None, Header(alias="Last-Event-ID", description="events only: the id of the last one seen")
    ] = None,
) -> Following:
    if accepted(request, JSON, EVENTS) == JSON:
        return Following(False, after, wait)
    return Following(True, max(after, last_event_id(request)), wait)


Parts = Annotated[State, Depends(_parts)]
SignedIn = Annotated[Caller, Depends(_signed_in)]
IfNoneMatch = Annotated[str | None, Header(description="the ETag of the answer that the client has")]
Key = Annotated[
    str,
    Header(
        alias=IDEMPOTENCY_KEY,
        min_length=1,
        max_length=255,
        pattern="^[!-~]+$",
        description="names this checkout, such as a UUID: the same again gets the same order",
    ),
]
Behind = Annotated[Following, Depends(_following)]
BEARER = Depends(HTTPBearer(auto_error=False, bearerFormat="JWT", description="a token of `POST /sign-in`"))
AS_JSON = Depends(_takes_json)

router = APIRouter(prefix=PREFIX, route_class=StrictRoute)


@router.post(
    "/sign-in",
    response_model=Token,
    dependencies=[AS_JSON],
    operation_id="signIn",
    responses=problems.documented(400, 401, 406, 413, 415, 422, 503, 504),
)
async def sign_in(asked: SignIn, parts: Parts) -> Response:
    """Exchange a name and a password for a token of this API."""
    found = await parts.backends.sign_in(asked.username, asked.password)
    token = Token(token=found.token, expires=screens.seconds(found.expire_time))
    return Response(token.encoded(), headers={"cache-control": "no-store"}, media_type=JSON)


@router.get(
    "/home",
    response_model=Home,
    dependencies=[BEARER, AS_JSON],
    operation_id="home",
    responses=problems.documented(401, 403, 406, 503, 504, ok=problems.CACHED),
)
async def home(
    request: Request, caller: SignedIn, parts: Parts, if_none_match: IfNoneMatch = None
) -> Response:
    """The first screen: who has signed in, the last 20 orders, the first 20 products."""
    return etags.response(request, await screens.home(caller, parts.backends))


@router.get(
    "/orders/{order_id}",
    response_model=OrderScreen,
    dependencies=[BEARER, AS_JSON],
    operation_id="order",
    responses=problems.documented(401, 403, 406, 422, 503, 504, ok=problems.CACHED),
)
async def order(
    request: Request,
    caller: SignedIn,
    parts: Parts,
    order_id: uuid.UUID,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One of the caller's orders, with its lines."""
    return etags.response(request, screens.order_screen(await parts.backends.order(str(order_id))))


@router.get(
    "/orders/{order_id}/events",
    response_model=News,
    dependencies=[BEARER],
    operation_id="events",
    responses=problems.documented(400, 401, 403, 406, 422, 429, 503, 504, ok=problems.FOLLOWED),
)
async def events(
    request: Request, caller: SignedIn, parts: Parts, order_id: uuid.UUID, asked: Behind
) -> Response:
    """Follow an order's history behind a version: a stream of events, or by `accept: application/json` what
    is new, which may be waited for. Events are called `status`, their ids are versions, `end` is the last.
    """
    # who may not read it hears so before anything is streamed
    found = await parts.backends.order(str(order_id))
    if not asked.streamed:
        allow(request, asked.wait + SLACK_SECONDS)
        told = await following.news(found, asked.after, asked.wait, parts.backends, parts.streams)
        return Response(told.encoded(), headers={"cache-control": "no-store"}, media_type=JSON)
    call.set_deadline(None)
    statuses = following.events(str(order_id), asked.after, parts.backends)
    stream: Response = parts.streams.response(statuses, caller.user_id)
    return stream


@router.post(
    "/checkout",
    response_model=OrderScreen,
    status_code=201,
    dependencies=[BEARER, AS_JSON],
    operation_id="checkout",
    responses=problems.documented(400, 401, 403, 406, 409, 413, 415, 422, 503, 504, ok=problems.CREATED),
)
async def check_out(asked: Checkout, caller: SignedIn, parts: Parts, key: Key) -> Response:
    """Place an order. It may be PENDING still: follow its events. The same key, the same order."""
    screen = screens.order_screen(await checkout.place(asked, key, caller, parts.backends))
    headers = {"location": f"{PREFIX}/orders/{screen.id}", "cache-control": "no-store"}
    return Response(screen.encoded(), 201, headers, JSON)
