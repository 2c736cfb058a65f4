"""Decrypts payloads for the Temporal UI and command line, which show ciphertext otherwise.

Temporal's codec protocol: POST /decode and /encode with a JSON of Payloads. What it decrypts is for the
user of this machine: it listens on loopback only, and of browsers' pages it serves the UI's alone.
Environment: see Settings; a suite has this part if it has keys.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import uvicorn
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload

from kit.payload_codec import EncryptingCodec, UnreadablePayload
from kit.payload_keys import PayloadKeys, PayloadKeysSetting, read_keys
from kit.settings import Address, load

LARGEST_BODY = 8 * 1024 * 1024  # bytes: a message of Temporal's has at most 4 MB, and base64 adds a third
NAMESPACE = "default"
LOOPBACK = ("127.0.0.1", "localhost")
SHAPE = '{"payloads": [{"metadata": {"encoding": "<base64>", …}, "data": "<base64>"}, …]}'

Convert = Callable[[Sequence[Payload]], Awaitable[list[Payload]]]


def _on_loopback(address: str) -> str:
    if address.rpartition(":")[0] not in LOOPBACK:
        raise ValueError("should be on 127.0.0.1: what it decrypts is for this machine only")
    return address


class Settings(BaseSettings):
    """What the codec server is told."""

    model_config = SettingsConfigDict(env_prefix="CODEC_")

    listen: Annotated[Address, AfterValidator(_on_loopback)] = Field(examples=["127.0.0.1:15065"])
    payload_keys: PayloadKeysSetting = Field(examples=["k2:<base64 of 32 bytes>,k1:<…>"])
    ui_origins: str = Field("", description="the origins of the Temporal UI, joined by commas")


class Endpoint:
    """Applies one direction of the codec to the payloads of a request."""

    def __init__(self, convert: Convert, origins: Sequence[str]) -> None:
        self._convert = convert
        self._origins = origins

    async def __call__(self, request: Request) -> Response:
        """The converted payloads, or 400, 403 or 413 with a sentence."""
        self._check(request)
        payloads = payloads_of(await body_of(request))
        try:
            converted = await self._convert(payloads)
        except UnreadablePayload as error:
            raise HTTPException(400, str(error)) from None
        return JSONResponse({"payloads": [MessageToDict(payload) for payload in converted]})

    def _check(self, request: Request) -> None:
        # a browser also sends what the page may then not read; nothing of it is worked on
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._origins:
            raise HTTPException(403, "only the Temporal UI of this suite may ask")
        if request.headers.get("x-namespace", NAMESPACE) != NAMESPACE:
            raise HTTPException(400, f"X-Namespace: the keys here are those of the namespace {NAMESPACE}")


async def body_of(request: Request) -> bytes:
    """The body, as long as it is not too large."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise HTTPException(413, f"the body has more than {LARGEST_BODY} bytes")
    except ClientDisconnect:
        raise HTTPException(400, "the request ended before its body did") from None
    return bytes(body)


def payloads_of(body: bytes) -> list[Payload]:
    """The payloads in a body; what is wrong is said without a word of the body."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is not JSON") from None
    entries = value.get("payloads") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise HTTPException(400, f"the body is not of the form {SHAPE}")
    return [_payload(number, entry) for number, entry in enumerate(entries)]


def _payload(number: int, entry: Any) -> Payload:
    try:
        if isinstance(entry, dict):
            return ParseDict(entry, Payload(), ignore_unknown_fields=True)
    except ParseError:
        pass  # its text shows the value
    raise HTTPException(400, f"payloads[{number}] is no payload; the form is {SHAPE}")


async def healthy(request: Request) -> Response:
    """For the probe."""
    return PlainTextResponse("ok")


def application(keys: PayloadKeys, origins: Sequence[str]) -> Starlette:
    """The server for some keys and the UI's origins."""
    codec = EncryptingCodec(keys)
    return Starlette(
        routes=[
            Route("/decode", Endpoint(codec.decode, origins).__call__, methods=["POST"]),
            Route("/encode", Endpoint(codec.encode, origins).__call__, methods=["POST"]),
            Route("/healthz", healthy),
        ],
        middleware=[
            # a page whose name is made to point at this machine sends its own name
            Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK),
            Middleware(
                CORSMiddleware, allow_origins=origins, allow_methods=["POST"], allow_headers=["X-Namespace"]
            ),
        ],
    )


def main() -> None:
    """Read the environment and serve until SIGTERM."""
    settings = load(Settings)
    origins = [origin for origin in settings.ui_origins.split(",") if origin]
    host, _, port = settings.listen.rpartition(":")
    uvicorn.run(
        application(read_keys(settings.payload_keys), origins),
        host=host,
        port=int(port),
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
