"""Limits of clients at the public entry: a real Envoy counts by user or address, and by nothing made up."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from mesh.rate_limits import FILTER
from ops.site import Site
from ops.tests.listening import USER, Edge, edge

pytestmark = pytest.mark.processes

CALLS = 3
PRODUCTS, ORDERS = "/api/v1/products", "/api/v1/orders"
SIGN_IN = "/ordermesh.users.v1.UsersService/SignIn"
LIST_ORDERS = "/ordermesh.orders.v1.OrdersService/ListOrders"
PAGE = "http://localhost:3000"


def few(rendered: str) -> str:
    """The entry with limits of a few calls, and no others for an hour."""
    doors = json.loads(rendered)
    for listener in doors["static_resources"]["listeners"]:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        (host,) = manager["route_config"]["virtualHosts"]
        for place in (host, *host["routes"]):
            if found := place.get("typedPerFilterConfig", {}).get(FILTER):
                for each in found["descriptors"]:
                    each["tokenBucket"] = {
                        "maxTokens": CALLS,
                        "tokensPerFill": 1,
                        "fillInterval": "3600s",
                    }
    return json.dumps(doors)


@pytest.fixture
async def public(site: Site) -> AsyncIterator[Edge]:
    async with edge(site, change=few) as running:
        yield running


async def by_grpc(public: Edge, path: str, authorization: str = "") -> tuple[str, list[Packed]]:
    """The status and its details."""
    async with grpc.aio.insecure_channel(public.site.address("edge")) as channel:
        stub: Any = channel.unary_unary(path)
        metadata = [("authorization", authorization)] if authorization else []
        try:
            await stub(b"", metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            status = rpc_status.from_call(error)  # type: ignore[arg-type]
            assert status is not None, error
            return error.code().name, list(status.details)
    return "OK", []


async def statuses(public: Edge, path: str, calls: int, headers: dict[str, str]) -> list[int]:
    return [(await public.http.get(path, headers=headers)).status_code for _ in range(calls)]


def bearer(public: Edge, user: uuid.UUID) -> dict[str, str]:
    return {"authorization": f"Bearer {public.backend.issuer.token(user)}"}


async def test_a_client_has_its_calls_however_they_come_and_others_have_theirs(public: Edge) -> None:
    mine, other = bearer(public, USER), bearer(public, uuid.UUID(int=2))
    assert await statuses(public, ORDERS, CALLS - 1, mine) == [200] * (CALLS - 1)
    assert await by_grpc(public, LIST_ORDERS, mine["authorization"]) == ("OK", [])
    public.backend.heard.clear()
    assert await statuses(public, ORDERS, 2, bearer(public, USER)) == [429, 429]  # another token of the same
    code, _ = await by_grpc(public, LIST_ORDERS, mine["authorization"])
    assert (code, public.backend.heard) == ("RESOURCE_EXHAUSTED", [])
    assert await statuses(public, ORDERS, CALLS, other) == [200] * CALLS
    assert await statuses(public, PRODUCTS, CALLS, {"authorization": ""}) == [200] * CALLS


async def test_the_refusal_says_when_to_come_back(public: Edge) -> None:
    headers = bearer(public, USER) | {"origin": PAGE}
    answers = [await public.http.get(ORDERS, headers=headers) for _ in range(CALLS + 1)]
    left = [answer.headers["x-ratelimit-remaining"] for answer in answers]
    assert left == [*map(str, range(CALLS - 1, -1, -1)), "0"]
    refusal = answers[-1]
    assert (refusal.status_code, refusal.headers["retry-after"]) == (429, "1")
    assert "retry-after" in refusal.headers["access-control-expose-headers"]  # a page hears it too
    details = {each["@type"].rsplit(".", 1)[-1]: each for each in refusal.json()["details"]}
    assert details["ErrorInfo"]["reason"] == "RATE_LIMITED"
    assert details["RetryInfo"]["retry_delay"] == "1s"

    code, told = await by_grpc(public, LIST_ORDERS, headers["authorization"])
    info, quota, retry = error_details_pb2.ErrorInfo(), error_details_pb2.QuotaFailure(), told[2]
    assert (code, told[0].Unpack(info), told[1].Unpack(quota)) == ("RESOURCE_EXHAUSTED", True, True)
    assert (info.reason, info.domain, retry.TypeName()) == (
        "RATE_LIMITED",
        "edge.ordermesh",
        "google.rpc.RetryInfo",
    )


@pytest.mark.parametrize("name", ["authorization", "x-forwarded-for", "user-agent", "x-real-ip"])
async def test_nobody_becomes_another_client_by_a_header(public: Edge, name: str) -> None:
    def made_up(number: int) -> dict[str, str]:
        value = f"Bearer {uuid.UUID(int=number)}" if name == "authorization" else f"192.0.2.{number}"
        return {"authorization": "", name: value}

    answers: list[httpx.Response] = []
    for number in range(CALLS + 1):
        answers.append(await public.http.get(PRODUCTS, headers=made_up(number)))
    assert [answer.status_code for answer in answers] == [*[200] * CALLS, 429]


async def test_a_method_with_a_limit_of_its_own_is_not_counted_in_the_others(public: Edge) -> None:
    found = [(await by_grpc(public, SIGN_IN))[0] for _ in range(CALLS + 1)]
    assert found == [*["OK"] * CALLS, "RESOURCE_EXHAUSTED"]
    assert await statuses(public, PRODUCTS, CALLS, {"authorization": ""}) == [200] * CALLS


async def test_a_backend_for_frontends_is_limited_too_and_says_it_as_a_problem(public: Edge) -> None:
    answers = [
        await public.http.post("/web/graphql", headers={"authorization": ""}) for _ in range(CALLS + 1)
    ]
    refusal = answers[-1]
    assert [answer.status_code for answer in answers] == [*[503] * CALLS, 429]  # nobody is behind it here
    assert refusal.headers["content-type"] == "application/problem+json"
    assert (refusal.json()["code"], refusal.headers["retry-after"]) == ("RATE_LIMITED", "1")
