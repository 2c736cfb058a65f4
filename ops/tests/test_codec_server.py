"""What the Temporal UI and command line get from the codec server, and what nobody else gets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from temporalio.api.common.v1 import Payload, Payloads

from kit.payload_codec import EncryptingCodec
from kit.payload_keys import PayloadKey, PayloadKeys
from ops import codec_server

ONE, TWO = PayloadKey("k1", b"1" * 32), PayloadKey("k2", b"2" * 32)
UI = "http://localhost:8233"
FROM_UI = {"X-Namespace": "default", "Content-Type": "application/json", "Origin": UI}
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"tea"')


def client(*keys: PayloadKey) -> httpx.AsyncClient:
    application = codec_server.application(PayloadKeys(keys or (TWO, ONE)), [UI])
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:15065")


async def ask(path: str, payloads: list[Payload], **headers: str) -> httpx.Response:
    async with client() as http:
        body = MessageToDict(Payloads(payloads=payloads))
        return await http.post(path, json=body, headers=FROM_UI | headers)


async def post(content: Any, *keys: PayloadKey) -> httpx.Response:
    async with client(*keys) as http:
        return await http.post("/decode", content=content, headers=FROM_UI)


def found(answer: httpx.Response) -> list[Payload]:
    assert answer.status_code == 200, answer.text
    return list(ParseDict(answer.json(), Payloads()).payloads)


async def test_the_ui_sees_what_was_encrypted() -> None:
    kept = await EncryptingCodec(PayloadKeys((ONE,))).encode([PLAIN])
    answer = await ask("/decode", [*kept, PLAIN])
    assert found(answer) == [PLAIN, PLAIN]
    assert answer.headers["access-control-allow-origin"] == UI


async def test_what_the_ui_sends_to_a_workflow_is_encrypted() -> None:
    (sealed,) = found(await ask("/encode", [PLAIN]))
    assert sealed.metadata["encryption-key-id"] == b"k2"
    assert found(await ask("/decode", [sealed])) == [PLAIN]


async def test_no_payloads_are_no_payloads() -> None:
    assert (await post('{"payloads": []}')).json() == {"payloads": []}


async def test_the_ui_may_ask_what_it_may_do() -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace",
    }
    async with client() as http:
        answer = await http.options("/decode", headers={"Origin": UI} | asked)
        other = await http.options("/decode", headers={"Origin": "http://example.com"} | asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == UI
    assert "x-namespace" in answer.headers["access-control-allow-headers"].lower()
    assert other.status_code == 400
    assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"Origin": "http://example.com"}, 403, "only the Temporal UI"),
        ({"Origin": "null"}, 403, "only the Temporal UI"),
        ({"Host": "rebound.example.com"}, 400, "Invalid host header"),
        ({"X-Namespace": "other"}, 400, "of the namespace default"),
    ],
)
async def test_others_are_refused(headers: dict[str, str], status: int, said: str) -> None:
    answer = await ask("/decode", [PLAIN], **headers)
    assert (answer.status_code, said in answer.text) == (status, True)
    assert "access-control-allow-origin" not in answer.headers or headers.get("Origin") is None


async def test_a_client_that_is_no_browser_has_no_origin() -> None:
    async with client() as http:
        assert (await http.post("/decode", json={"payloads": []})).status_code == 200


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "the body is not JSON"),
        ("{", "the body is not JSON"),
        ("[" * 100_000, "the body is not JSON"),
        (b"\xff\xfe\xfd", "the body is not JSON"),
        ("[]", "the body is not of the form"),
        ("{}", "the body is not of the form"),
        ('{"payloads": {"data": ""}}', "the body is not of the form"),
        ('{"payloads": [{}, 5]}', "payloads[1] is no payload"),
        ('{"payloads": [{"data": 5}]}', "payloads[0] is no payload"),
        ('{"payloads": [{"data": "hunter2 is no base64!"}]}', "payloads[0] is no payload"),
        ('{"payloads": [{"metadata": {"encoding": {}}}]}', "payloads[0] is no payload"),
    ],
)
async def test_a_body_of_another_shape_is_refused(body: str | bytes, said: str) -> None:
    answer = await post(body)
    assert (answer.status_code, answer.text[: len(said)]) == (400, said)
    assert "hunter2" not in answer.text
    # else the UI's page may not read why
    assert answer.headers["access-control-allow-origin"] == UI


async def test_a_body_that_is_too_large_is_refused() -> None:
    answer = await post(b" " * (codec_server.LARGEST_BODY + 1))
    assert (answer.status_code, answer.text) == (413, "the body has more than 8388608 bytes")


async def test_a_key_that_is_gone_is_named() -> None:
    kept = await EncryptingCodec(PayloadKeys((ONE,))).encode([PLAIN])
    answer = await post(json.dumps(MessageToDict(Payloads(payloads=kept))), TWO)
    assert answer.status_code == 400
    assert answer.text == "a payload is encrypted with the key k1; the keys here are: k2"


@pytest.mark.parametrize("path", ["/", "/decode/more", "/download"])
async def test_there_is_nothing_else(path: str) -> None:
    async with client() as http:
        assert (await http.post(path)).status_code == 404
        assert (await http.get("/decode")).status_code == 405


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["payloads", "metadata", "data", "encoding", "externalPayloads", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.builds(lambda value: {"payloads": [value]}, JSON) | JSON)
def test_any_json_is_payloads_or_a_refusal(value: object) -> None:
    try:
        asyncio.run(
            EncryptingCodec(PayloadKeys((ONE,))).decode(codec_server.payloads_of(json.dumps(value).encode()))
        )
    except HTTPException as error:
        assert error.status_code == 400


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "192.0.2.1:1", "unix:/tmp/codec"])
def test_it_listens_on_loopback_only(
    listen: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODEC_LISTEN", listen)
    with pytest.raises(SystemExit):
        codec_server.main()
    said = capsys.readouterr().err
    assert "should be on 127.0.0.1" in said
    assert "CODEC_PAYLOAD_KEYS: required, not set" in said
