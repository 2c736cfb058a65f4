"""HTTP parts through a real server: errors, limits, tokens, traces, deadlines, and how they stop."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kit import call, telemetry
from kit.channels import Unanswered
from kit.errors import Problem, Violation
from kit.http_errors import HANDLERS, MEDIA_TYPE
from kit.http_guard import MAX_BODY_BYTES, HttpGuard, authenticate
from kit.http_run import HttpApp
from kit.sse import Event, Streams, last_event_id
from kit.testing.serve_http import Served, serving_http
from kit.testing.tokens import Issuer

ISSUER = Issuer()
ADA = uuid.uuid4()
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FAILURES: dict[str, Exception] = {
    "refused": Problem("refused", "OUT_OF_STOCK", "there is none left"),
    "denied": Problem("denied", "ACCESS_DENIED", "no such thing, or it is not yours"),
    "invalid": Problem(
        "invalid", "VALIDATION_FAILED", "wrong", violations=[Violation("lines[0].sku", "must be a sku")]
    ),
    "away": Unanswered("payments", "UNREACHABLE", sent=False),
    "late": TimeoutError(),
    "bug": RuntimeError("postgresql://user:secret@host/db"),
}


class Pages:
    """An application that has everything that a test asks of one."""

    def __init__(self) -> None:
        self.streams = Streams(heartbeat=0.05, most_per_user=2)
        self.go_on = asyncio.Event()
        self.closed = asyncio.Event()
        routes = [
            Route("/who", self.who),
            Route("/body", self.body, methods=["POST"]),
            Route("/fail/{how}", self.fail),
            Route("/remaining", self.remaining),
            Route("/stuck", self.stuck),
            Route("/events", self.events),
        ]
        self.app = HttpApp(Starlette(routes=routes, exception_handlers=dict(HANDLERS)), self.streams)

    async def who(self, request: Request) -> Response:
        caller = await authenticate(request, VERIFIER)
        return JSONResponse({"user": str(caller.user_id), "traceparent": telemetry.traceparent()})

    async def body(self, request: Request) -> Response:
        return JSONResponse({"length": len(await request.body())})

    async def fail(self, request: Request) -> Response:
        raise FAILURES[request.path_params["how"]]

    async def remaining(self, request: Request) -> Response:
        return JSONResponse(call.remaining(100.0))

    async def stuck(self, request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def events(self, request: Request) -> Response:
        return self.streams.response(self._numbers(last_event_id(request)), "ada")

    async def _numbers(self, after: int) -> AsyncIterator[Event]:
        try:
            for number in range(after + 1, 4):
                yield Event(json.dumps(number), "next", str(number))
            await self.go_on.wait()
        finally:
            self.closed.set()


VERIFIER = ISSUER.verifier()


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
async def served(pages: Pages) -> AsyncIterator[Served]:
    async with serving_http(pages.app) as served:
        yield served


def told(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == MEDIA_TYPE
    body: Any = answer.json()
    assert body["status"] == answer.status_code
    assert len(body["traceId"]) == 32
    return answer.status_code, body["code"]


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("refused", 409, "OUT_OF_STOCK"),
        ("denied", 403, "ACCESS_DENIED"),
        ("invalid", 422, "VALIDATION_FAILED"),
        ("away", 503, "DEPENDENCY_UNAVAILABLE"),
        ("late", 504, "UPSTREAM_TIMEOUT"),
        ("bug", 500, "INTERNAL"),
    ],
)
async def test_an_error_is_said_by_its_reason(served: Served, how: str, status: int, code: str) -> None:
    answer = await served.client.get(f"/fail/{how}")
    assert told(answer) == (status, code)
    assert "secret" not in answer.text
    assert (answer.headers.get("retry-after") == "1") == (status == 503)


async def test_every_field_that_is_wrong_is_pointed_at(served: Served) -> None:
    body = (await served.client.get("/fail/invalid")).json()
    assert body["errors"] == [{"pointer": "/lines/0/sku", "detail": "must be a sku"}]


async def test_what_is_not_served_is_said_as_a_problem_too(served: Served) -> None:
    assert told(await served.client.get("/nothing")) == (404, "ROUTE_NOT_FOUND")
    answer = await served.client.post("/who")
    assert told(answer) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
async def test_a_body_has_an_end(served: Served, chunked: bool) -> None:
    async def chunks(size: int) -> AsyncIterator[bytes]:
        yield b"x" * (size - 1)
        yield b"x"

    def content(size: int) -> Any:
        return chunks(size) if chunked else b"x" * size

    most = await served.client.post("/body", content=content(MAX_BODY_BYTES))
    assert most.json() == {"length": MAX_BODY_BYTES}
    answer = await served.client.post("/body", content=content(MAX_BODY_BYTES + 1))
    assert told(answer) == (413, "PAYLOAD_TOO_LARGE")


async def test_the_caller_is_the_token_s_and_the_trace_goes_on(served: Served) -> None:
    headers = {"authorization": f"Bearer {ISSUER.token(ADA)}", "traceparent": TRACEPARENT}
    answer = (await served.client.get("/who", headers=headers)).json()
    assert answer["user"] == str(ADA)
    assert answer["traceparent"].split("-")[1] == TRACEPARENT.split("-")[1]


@pytest.mark.parametrize(
    ("sent", "code", "told_more"),
    [
        ([], "TOKEN_MISSING", "Bearer"),
        (["Bearer x"], "TOKEN_INVALID", 'Bearer error="invalid_token"'),
        ([f"Bearer {ISSUER.token(ADA)}"] * 2, "TOKEN_INVALID", 'Bearer error="invalid_token"'),
        ([f"Bearer {ISSUER.token(ADA, seconds=-60)}"], "TOKEN_EXPIRED", 'Bearer error="invalid_token"'),
    ],
    ids=["none", "no token", "two", "expired"],
)
async def test_a_bad_token_is_refused_with_its_reason(
    served: Served, sent: list[str], code: str, told_more: str
) -> None:
    answer = await served.client.get("/who", headers=[("authorization", value) for value in sent])
    assert told(answer) == (401, code)
    assert answer.headers["www-authenticate"] == told_more


async def test_a_request_has_a_deadline_that_its_calls_share(pages: Pages) -> None:
    guarded = httpx.ASGITransport(HttpGuard(pages.app.asgi, seconds=0.2))
    async with httpx.AsyncClient(transport=guarded, base_url="http://localhost") as client:
        assert 0 < (await client.get("/remaining")).json() <= 0.2
        assert told(await client.get("/stuck")) == (504, "UPSTREAM_TIMEOUT")


async def read(answer: httpx.Response, until: str) -> str:
    """What a stream has sent, up to a text."""
    text = ""
    async for chunk in answer.aiter_text():
        text += chunk
        if until in text:
            return text
    raise AssertionError(f"the stream ended without {until!r}: {text!r}")


async def test_a_stream_goes_on_behind_what_the_client_has_seen(pages: Pages, served: Served) -> None:
    async with served.client.stream("GET", "/events", headers={"last-event-id": "1"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = await read(answer, "data: 3\n\n")
    assert "event: next\nid: 2\ndata: 2\n\n" in text
    assert "data: 1\n" not in text
    await pages.closed.wait()
    wrong = await served.client.get("/events", headers={"last-event-id": "1.5"})
    assert told(wrong) == (400, "BAD_REQUEST")


async def test_a_stream_outlives_the_deadline_of_requests_and_says_that_it_lives(pages: Pages) -> None:
    pages.app = HttpApp(HttpGuard(pages.app.asgi, seconds=0.01), pages.streams)
    async with serving_http(pages.app) as served, served.client.stream("GET", "/events") as answer:
        await read(answer, ": still here\n\n: still here\n\n")


async def test_a_stop_ends_streams_cleanly_and_says_that_it_leaves(pages: Pages) -> None:
    async with serving_http(pages.app) as served:
        assert (await served.client.get("/healthz")).text == "ok"
        async with served.client.stream("GET", "/events") as answer:
            chunks = answer.aiter_text()
            assert await anext(chunks)
            served.server.leave()
            async for _ in chunks:  # to its end, which is one: httpx raises for one that breaks off
                pass
    await pages.closed.wait()


async def test_the_streams_of_one_user_are_counted(pages: Pages, served: Served) -> None:
    async with served.client.stream("GET", "/events"), served.client.stream("GET", "/events"):
        answer = await served.client.get("/events")
        assert told(answer) == (429, "TOO_MANY_STREAMS")
    pages.go_on.set()
    while (answer := await served.client.get("/events")).status_code == 429:
        pass
    assert answer.status_code == 200
    assert pages.streams.open("ada") == 0
