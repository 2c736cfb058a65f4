"""Tokens at the public entry: a real Envoy, keys that the entry itself fetches, and every wrong token."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from joserfc.jwk import ECKey

from kit.testing.tokens import Issuer
from kit.tokens import AUDIENCES
from mesh import rest
from mesh.methods import METHODS, PUBLIC, Access
from ops.edge_tokens import API, DOORS, KEYS_SECONDS
from ops.site import Site
from ops.tests.listening import USER, Edge, edge
from ordermesh.users.v1 import users_service_pb2

pytestmark = pytest.mark.processes

FOR_USERS = [method for method in METHODS if method.service in PUBLIC and method.access is Access.USER]
GET_ORDER = "/ordermesh.orders.v1.OrdersService/GetOrder"
ORDERS = "/api/v1/orders"


@pytest.fixture
async def public(site: Site) -> AsyncIterator[Edge]:
    async with edge(site) as running:
        yield running


async def by_grpc(public: Edge, path: str, *metadata: tuple[str, str | bytes]) -> tuple[str, str]:
    """The status, and the reason if there is one."""
    async with grpc.aio.insecure_channel(public.site.address("edge")) as channel:
        stub: Any = channel.unary_unary(path)
        try:
            await stub(b"", metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            status = rpc_status.from_call(error)  # type: ignore[arg-type]
            info = error_details_pb2.ErrorInfo()
            if status is not None:
                status.details[0].Unpack(info)
            return error.code().name, info.reason
    return "OK", ""


async def by_rest(public: Edge, *headers: tuple[str, str]) -> tuple[int, str]:
    answer = await public.http.get(ORDERS, headers=[("authorization", ""), *headers][bool(headers) :])
    info = answer.json().get("details", [{}])[0]
    if answer.status_code == 401:
        wrong = "" if info["reason"] == "TOKEN_MISSING" else ', error="invalid_token"'
        assert answer.headers["www-authenticate"] == f'Bearer realm="edge.ordermesh"{wrong}'
    return answer.status_code, str(info.get("reason", ""))


def forged(issuer_keys: str, algorithm: str) -> str:
    """Unsigned, or signed by an HMAC whose secret is the public key that all know."""
    public = json.loads(issuer_keys)["keys"][0]
    claims = {"iss": "ordermesh", "sub": str(USER), "aud": "ordermesh-api", "exp": int(time.time()) + 60}
    parts = ({"alg": algorithm, "kid": public["kid"]}, claims)
    head = [base64url(json.dumps(part).encode()) for part in parts]
    secret = ECKey.import_key(public).as_pem(private=False)
    signature = hmac.digest(secret, ".".join(head).encode(), "sha256") if algorithm == "HS256" else b""
    return ".".join([*head, base64url(signature)])


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


async def wrong(issuer: Issuer) -> dict[str, tuple[str, str]]:
    """Each wrong `authorization`, and the reason it is refused for."""
    now = time.time()
    made = {
        "expired": (issuer.token(USER, seconds=-600), "TOKEN_EXPIRED"),
        "not yet valid": (issuer.token(USER, nbf=int(now) + 600), "TOKEN_INVALID"),
        "another issuer": (issuer.token(USER, iss="somebody"), "TOKEN_INVALID"),
        "a page's": (issuer.token(USER, aud="ordermesh-web"), "TOKEN_INVALID"),
        "nobody's": (issuer.token(USER, aud=[]), "TOKEN_INVALID"),
        "without an end": (issuer.token(USER, exp=None), "TOKEN_INVALID"),
        "an unknown key": (Issuer().token(USER), "TOKEN_INVALID"),
        "no signature": (forged(await issuer.jwks(), "none"), "TOKEN_INVALID"),
        "another algorithm": (forged(await issuer.jwks(), "HS256"), "TOKEN_INVALID"),
        "cut": (issuer.token(USER)[:-5], "TOKEN_INVALID"),
        "garbage": ("a.b.c", "TOKEN_INVALID"),
        "huge": ("x" * 6000, "TOKEN_INVALID"),
    }
    found = {name: (f"Bearer {token}", reason) for name, (token, reason) in made.items()}
    return found | {"another scheme": ("Basic YTpi", "TOKEN_MISSING"), "empty": ("", "TOKEN_MISSING")}


def test_every_kind_of_client_that_a_service_takes_has_its_door() -> None:
    assert {API, *DOORS.values()} == set(AUDIENCES)


async def test_a_good_token_passes_however_the_scheme_is_written(public: Edge) -> None:
    token = public.backend.issuer.token(USER)
    for scheme in ("Bearer", "bearer"):
        assert await by_grpc(public, GET_ORDER, ("authorization", f"{scheme} {token}")) == ("OK", "")
        assert await by_rest(public, ("authorization", f"{scheme} {token}")) == (200, "")


async def test_every_wrong_token_is_refused_with_its_reason_and_reaches_nobody(public: Edge) -> None:
    public.backend.heard.clear()
    for name, (authorization, reason) in (await wrong(public.backend.issuer)).items():
        header = ("authorization", authorization)
        assert await by_grpc(public, GET_ORDER, header) == ("UNAUTHENTICATED", reason), name
        assert await by_rest(public, header) == (401, reason), name
    assert await by_grpc(public, GET_ORDER) == ("UNAUTHENTICATED", "TOKEN_MISSING")
    assert public.backend.heard == []


async def test_two_tokens_are_refused_though_both_are_good(public: Edge) -> None:
    mine, other = (
        ("authorization", f"Bearer {public.backend.issuer.token(uuid.UUID(int=n))}") for n in (1, 2)
    )
    assert await by_grpc(public, GET_ORDER, mine, other) == ("UNAUTHENTICATED", "TOKEN_INVALID")
    assert (await by_rest(public, mine, other)) == (401, "TOKEN_INVALID")
    joined = ("authorization", f"{mine[1]}, {other[1]}")
    assert await by_grpc(public, GET_ORDER, joined) == ("UNAUTHENTICATED", "TOKEN_INVALID")


async def test_a_token_in_the_query_is_none(public: Edge) -> None:
    query = f"{ORDERS}?access_token={public.backend.issuer.token(USER)}"
    answer = await public.http.get(query, headers={"authorization": ""})
    assert answer.status_code in (400, 401)


async def test_every_method_for_users_wants_one_and_no_other_does(public: Edge) -> None:
    for method in METHODS:
        if method.service not in PUBLIC or method.access not in (Access.USER, Access.ANYONE):
            continue
        public.backend.events.put_nowait(None)
        code, _ = await by_grpc(public, method.path)
        assert code == ("UNAUTHENTICATED" if method in FOR_USERS else "OK"), method.path
    ways = [way for way in rest.ways() if way.rpc in {method.path for method in FOR_USERS}]
    assert ways
    for way in ways:
        path = re.sub(r"\{[a-z_]+\}", "x", way.template)
        body: dict[str, Any] = {"json": {}} if way.verb == "POST" else {}
        answer = await public.http.request(way.verb, path, headers={"authorization": ""}, **body)
        assert answer.status_code == 401, way


def tricks(path: str) -> list[str]:
    """Other ways to write a path that a lenient server might take for it."""
    head, _, tail = path.rpartition("/")
    return [
        f"{head}//{tail}", f"/.{path}", f"{head}/./{tail}", f"/x/..{path}", f"{head}/%2e/{tail}",
        f"{head}%2f{tail}", f"{head}/{tail};v=1", f"{head}/{tail}/", f"{head}/{tail}%20",
        f"{head}/{tail}?x", f"{head}/{tail}#x",
        f"{head}/{tail[:1]}%{ord(tail[1]):02x}{tail[2:]}", path.upper(), f"{head}\\{tail}", f"{path}%00",
    ]  # fmt: skip


async def test_no_way_to_write_a_path_leads_past_the_rule(public: Edge) -> None:
    public.backend.heard.clear()
    headers = {"content-type": "application/grpc", "te": "trailers", "authorization": ""}
    for method in FOR_USERS:
        for path in tricks(method.path):
            target = {"target": path.encode()}
            await public.http.post("/", headers=headers, content=bytes(5), extensions=target)
    for way in rest.ways():
        for path in tricks(way.template.format(order_id="xyz", user_id="xyz", sku="xyz")):
            if way.rpc in {method.path for method in FOR_USERS} and way.verb == "GET":
                target = {"target": path.encode()}
                await public.http.get("/", headers={"authorization": ""}, extensions=target)
    assert [call.method for call in public.backend.heard] == []


async def test_while_the_keys_are_not_known_nobody_is_told_that_the_token_is_bad(site: Site) -> None:
    async with edge(site, down=True) as running:
        assert await by_grpc(running, GET_ORDER, *running.metadata) == (
            "UNAVAILABLE",
            "DEPENDENCY_UNAVAILABLE",
        )
        answer = await running.http.get(ORDERS)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_a_new_key_is_known_before_it_is_fetched_by_force(site: Site) -> None:
    """A key is published long before it signs; the entry fetches again by itself."""
    async with edge(site, change=lambda text: text.replace(f'"{KEYS_SECONDS}"', '"1s"')) as running:
        old, new = running.backend.issuer, Issuer()
        keys = [key for issuer in (old, new) for key in json.loads(await issuer.jwks())["keys"]]
        running.backend.answers["GetPublicKeys"] = users_service_pb2.GetPublicKeysResponse(
            keys=[users_service_pb2.PublicKey(**key) for key in keys]
        )
        async with asyncio.timeout(20):
            while (await by_grpc(running, GET_ORDER, *new.authorization(USER)))[0] != "OK":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert await by_grpc(running, GET_ORDER, *old.authorization(USER)) == ("OK", "")


async def test_a_token_for_a_page_opens_the_doors_of_pages_only(public: Edge) -> None:
    issuer = public.backend.issuer
    for prefix, audience in DOORS.items():
        for offered, refused in (("ordermesh-api", True), (audience, False), ("", False)):
            token = f"Bearer {issuer.token(USER, aud=offered)}" if offered else ""
            answer = await public.http.get(f"{prefix}x", headers={"authorization": token})
            assert (answer.status_code == 401) is refused, (prefix, offered)


async def test_credentials_of_another_scheme_are_for_the_backend_to_judge(public: Edge) -> None:
    """A partner's program shows its secret by HTTP Basic where tokens are issued."""
    answer = await public.http.post("/partner/oauth/token", headers={"authorization": "Basic YTpi"})
    assert answer.status_code != 401
