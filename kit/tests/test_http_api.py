"""REST by FastAPI through a real server: how strictly it is read, and how what is wrong is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Header, Query
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from kit import call
from kit.channels import Unanswered
from kit.http_api import EVENTS, IDEMPOTENCY_KEY, JSON, StrictRoute, accepted, handlers
from kit.http_guard import HttpGuard, allow
from kit.http_run import HttpApp
from kit.sse import Streams
from kit.testing.serve_http import Served, serving_http

KEY = {IDEMPOTENCY_KEY: "a"}
router = APIRouter(route_class=StrictRoute)


class Line(BaseModel):
    """A part of a body."""

    model_config = ConfigDict(strict=True, extra="forbid")

    sku: str
    pieces: int


class Cart(BaseModel):
    """A body."""

    model_config = ConfigDict(strict=True, extra="forbid")

    lines: list[Line]


@router.post("/carts")
async def post(cart: Cart, key: Annotated[str, Header(alias=IDEMPOTENCY_KEY, max_length=3)]) -> Response:
    return PlainTextResponse(f"{key} {len(cart.lines)}")


@router.get("/kind")
async def kind(request: Request, most: Annotated[int, Query(le=9)] = 1) -> Response:
    return PlainTextResponse(accepted(request, JSON, EVENTS))


@router.get("/silence/{cause}")
async def silence(cause: str) -> Response:
    raise Unanswered("orders", cause, sent=True)


@router.get("/patient")
async def patient(request: Request) -> Response:
    allow(request, 30)
    await asyncio.sleep(0.1)  # longer than the guard of the test gives
    return PlainTextResponse(f"{call.remaining(100) > 10}")


def app() -> FastAPI:
    found = FastAPI(exception_handlers=dict(handlers(read_only={"id"})))
    found.include_router(router)
    return found


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving_http(HttpApp(app(), Streams())) as served:
        yield served


async def refused(served: Served, body: Any, headers: dict[str, str] | None = None) -> tuple[int, str, Any]:
    answer = await served.client.post("/carts", json=body, headers=KEY if headers is None else headers)
    told = answer.json()
    return answer.status_code, told["code"], [error["pointer"] for error in told.get("errors", ())]


async def test_a_good_body_is_taken_by_any_spelling_of_its_type(served: Served) -> None:
    for told in ("application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'):
        headers = KEY | {"content-type": told}
        answer = await served.client.post("/carts", content=b'{"lines": []}', headers=headers)
        assert (answer.status_code, answer.text) == (200, "a 0")


async def test_all_that_is_wrong_is_said_at_once_by_pointers(served: Served) -> None:
    lines = [{"sku": 1, "pieces": "1"}, {"sku": "a", "pieces": 1.0, "a/b": 1}]
    assert await refused(served, {"lines": lines, "more": 1}) == (
        422,
        "VALIDATION_FAILED",
        ["/lines/0/sku", "/lines/0/pieces", "/lines/1/pieces", "/lines/1/a~1b", "/more"],
    )


@pytest.mark.parametrize(
    ("more", "code"),
    [({"more": 1}, "UNKNOWN_FIELD"), ({"id": 1}, "READ_ONLY_FIELD"), ({"id": 1, "b": 1}, "UNKNOWN_FIELD")],
)
async def test_a_field_too_many_has_a_code_of_its_own(served: Served, more: Any, code: str) -> None:
    assert await refused(served, {"lines": []} | more) == (422, code, [f"/{name}" for name in more])


async def test_a_key_that_is_missing_is_said_before_anything_else(served: Served) -> None:
    for headers in ({}, {IDEMPOTENCY_KEY: "long"}):
        status, code, pointers = await refused(served, {"more": 1}, headers)
        assert (status, code, pointers[0]) == (400, "IDEMPOTENCY_KEY_REQUIRED", "/header/Idempotency-Key")


async def test_a_parameter_is_pointed_at_by_its_kind(served: Served) -> None:
    told = (await served.client.get("/kind?most=10")).json()
    assert (told["code"], told["errors"][0]["pointer"]) == ("VALIDATION_FAILED", "/query/most")


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("text/*", EVENTS),
        (f"{EVENTS}, */*;q=0.5", EVENTS),
        (f"{JSON};q=0, */*", EVENTS),
        (f"{JSON};q=x, {EVENTS};q=0.1", EVENTS),
        ("text/html", None),
        (f"{JSON};q=0", None),
    ],
)
async def test_the_type_of_an_answer_is_agreed_on(
    served: Served, accept: str | None, told: str | None
) -> None:
    request = served.client.build_request("GET", "/kind")
    del request.headers["accept"]
    if accept:
        request.headers["accept"] = accept
    answer = await served.client.send(request)
    if told:
        assert (answer.status_code, answer.text) == (200, told)
    else:
        assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")


async def test_a_peer_that_is_too_slow_is_told_from_one_that_is_away(served: Served) -> None:
    slow = await served.client.get("/silence/DEADLINE_EXCEEDED")
    away = await served.client.get("/silence/UNREACHABLE")
    assert (slow.status_code, slow.json()["code"]) == (504, "UPSTREAM_TIMEOUT")
    assert (away.status_code, away.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE")


async def test_a_request_that_waits_on_purpose_may_take_longer_than_others() -> None:
    guarded = HttpApp(HttpGuard(app(), seconds=0.05), Streams())
    async with serving_http(guarded) as served:
        assert (await served.client.get("/patient")).text == "True"
