"""The token endpoint answers as RFC 6749 says, and never shows a secret again."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from bff.partner.documents import TOKEN_PATH
from bff.partner.tests.client import Partner, refused
from bff.partner.tests.shop import CLIENT, SECRET

FORM = {"content-type": "application/x-www-form-urlencoded"}
GRANT = "grant_type=client_credentials"
IN_BODY = f"{GRANT}&client_id={CLIENT}&client_secret={SECRET}"


def basic(client: str = CLIENT, secret: str = SECRET) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


async def ask(ada: Partner, body: str | bytes, **headers: str) -> httpx.Response:
    return await ada.http.post(TOKEN_PATH, content=body, headers=FORM | headers)


@pytest.mark.parametrize(
    ("body", "headers", "scope"),
    [
        (IN_BODY, {}, "orders:read orders:write products:read webhooks:manage"),
        (GRANT, basic(), "orders:read orders:write products:read webhooks:manage"),
        (f"{GRANT}&client_id={CLIENT}", basic(), "orders:read orders:write products:read webhooks:manage"),
        (f"{GRANT}&scope=orders%3Aread+products%3Aread", basic(), "orders:read products:read"),
        (f"{IN_BODY}&scope=orders:read+orders:read", {}, "orders:read"),
        (f"{GRANT}&scope=", basic(), "orders:read orders:write products:read webhooks:manage"),
    ],
)
async def test_a_client_gets_a_token_for_what_it_asks_for(
    ada: Partner, body: str, headers: dict[str, str], scope: str
) -> None:
    answer = await ask(ada, body, **headers)
    said = answer.json()
    assert (answer.status_code, said["token_type"], said["expires_in"]) == (200, "Bearer", 3600)
    assert said["scope"] == scope
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    listed = await ada.ask("GET", "/v1/products", who=said["access_token"])
    assert listed.status_code == (200 if "products:read" in scope else 403)


async def test_credentials_in_the_header_are_encoded_as_in_a_form(ada: Partner) -> None:
    answer = await ask(ada, GRANT, **basic("a%2Dclient", SECRET.replace("-", "%2d")))
    assert answer.status_code == 200


BAD: dict[str, tuple[str | bytes, dict[str, str], int, str]] = {
    "no credentials": (GRANT, {}, 401, "invalid_client"),
    "half of them": (f"{GRANT}&client_id={CLIENT}", {}, 401, "invalid_client"),
    "a wrong secret": (GRANT, basic(secret="wrong"), 401, "invalid_client"),
    "an unknown client": (GRANT, basic(client="nobody"), 401, "invalid_client"),
    "a client that no client is": (GRANT, basic(client="x" * 200), 401, "invalid_client"),
    "a token": (GRANT, {"authorization": "Bearer abc"}, 401, "invalid_client"),
    "no base64": (GRANT, {"authorization": "Basic ?"}, 401, "invalid_client"),
    "no colon": (GRANT, {"authorization": "Basic YWJj"}, 401, "invalid_client"),
    "both ways": (IN_BODY, basic(), 400, "invalid_request"),
    "no grant": (f"client_id={CLIENT}&client_secret={SECRET}", {}, 400, "invalid_request"),
    "another grant": (IN_BODY.replace("client_credentials", "password"), {}, 400, "unsupported_grant_type"),
    "an unknown scope": (f"{GRANT}&scope=payments:write", basic(), 400, "invalid_scope"),
    "no scope": (f"{GRANT}&scope=Everything", basic(), 400, "invalid_scope"),
    "too many scopes": (
        f"{GRANT}&scope={'+'.join(f'{letter * 2}:x' for letter in 'abcdefghijklmnopqrstuvwxyz')}",
        basic(),
        400,
        "invalid_scope",
    ),
    "a parameter twice": (f"{IN_BODY}&scope=a:b&scope=a:c", {}, 400, "invalid_request"),
    "too many fields": (IN_BODY + "&a=1" * 30, {}, 400, "invalid_request"),
    "not ASCII": (b"grant_type=\xff", {}, 400, "invalid_request"),
    "not UTF-8": (f"{IN_BODY}&scope=%ff", {}, 400, "invalid_request"),
    "JSON": ("{}", {"content-type": "application/json"}, 400, "invalid_request"),
    "nothing": ("", {}, 401, "invalid_client"),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_gets_no_token_is_said_in_the_words_of_the_rfc(ada: Partner, name: str) -> None:
    body, headers, status, error = BAD[name]
    answer = await ask(ada, body, **headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("www-authenticate", "") == ('Basic realm="partner"' if status == 401 else "")
    assert SECRET not in answer.text


async def test_a_wrong_secret_and_an_unknown_client_look_the_same(ada: Partner) -> None:
    answers = [await ask(ada, GRANT, **basic(*who)) for who in ((CLIENT, "wrong"), ("nobody", SECRET))]
    assert answers[0].json() == answers[1].json()


async def test_a_token_is_asked_for_by_post_only(ada: Partner) -> None:
    answer = await ada.http.get(TOKEN_PATH)
    assert refused(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"


async def test_without_users_there_are_no_new_tokens_but_old_ones_are_good(ada: Partner) -> None:
    await ada.running.stop("users")
    answer = await ask(ada, GRANT, **basic())
    assert refused(answer) == (503, "DEPENDENCY_UNAVAILABLE")
    assert answer.headers["retry-after"]
    assert (await ada.ask("GET", "/v1/products")).status_code == 200


def test_no_secret_is_shown_when_a_problem_is_printed() -> None:
    from bff.partner.oauth import Refused

    error: Any = Refused("invalid_client", "the client's id or its secret is wrong", 401)
    assert SECRET not in repr(error)
