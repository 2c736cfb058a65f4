"""`make webhook-sink`: a small receiver of webhooks on loopback, to see what the suite sends.

It checks signatures when it is told the secret, answers the challenge of a test message, and can be told to
fail. What came is printed: the type, the order, the version, whether the signature holds.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any

import typer
import uvicorn
from rich.console import Console
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

LARGEST_BODY = 64 * 1024
SUCCESS = 200


@dataclass(frozen=True)
class Behaviour:
    """How the sink answers: the secrets that it knows, the status, and how long it takes for that."""

    secrets: tuple[str, ...] = ()
    status: int = SUCCESS
    seconds: float = 0.0


def sink(behaviour: Behaviour, console: Console) -> Starlette:
    """The receiver as an application; it takes a POST of any path."""

    async def take(request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                return Response(status_code=413)
        message = _message(bytes(body))
        signature = checked(bytes(body), dict(request.headers), behaviour.secrets)
        console.print(line(request.headers.get("webhook-id", "?"), message, signature), markup=False)
        if signature == "WRONG":
            return Response(status_code=401)
        await asyncio.sleep(behaviour.seconds)
        challenge = _data(message).get("challenge")
        if challenge is not None and behaviour.status == SUCCESS:
            return JSONResponse({"challenge": challenge})
        return Response(status_code=behaviour.status)

    return Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])


def checked(body: bytes, headers: dict[str, str], secrets: tuple[str, ...]) -> str:
    """Whether a signature by one of the secrets is there: `good`, `WRONG`, or `not checked` without any."""
    if not secrets:
        return "not checked"
    for secret in secrets:
        try:
            Webhook(secret).verify(body, headers, json_parse=False)
        except (WebhookVerificationError, ValueError):  # the library lets bad base64 and UTF-8 through
            continue
        return "good"
    return "WRONG"


def line(message_id: str, message: Any, signature: str) -> str:
    """One message as it is printed."""
    data = _data(message)
    about = [str(data[name]) for name in ("order_id", "version", "state", "reason") if name in data]
    kind = message.get("type", "?") if isinstance(message, dict) else "no JSON"
    return f"{kind}  {' '.join(about)}  webhook-id {message_id}  signature {signature}"


def _message(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _data(message: Any) -> dict[str, Any]:
    data = message.get("data") if isinstance(message, dict) else None
    return data if isinstance(data, dict) else {}


def webhook_sink(
    port: Annotated[int, typer.Option(envvar="PORT", min=0, max=65535, help="where to listen")] = 9999,
    secret: Annotated[str, typer.Option(envvar="SECRET", help="whsec_…, several joined by commas")] = "",
    status: Annotated[int, typer.Option(envvar="ANSWER", min=200, max=599, help="as 500 or 410")] = SUCCESS,
    seconds: Annotated[float, typer.Option(envvar="SLOW", min=0, max=600, help="before it answers")] = 0.0,
) -> None:
    """Take webhooks on loopback and print them, until Ctrl-C."""
    console = Console(highlight=False, soft_wrap=True)
    secrets = tuple(each for each in secret.split(",") if each)
    console.print(
        f"takes webhooks at http://127.0.0.1:{port}/, signatures {'' if secrets else 'not '}checked"
    )
    application = sink(Behaviour(secrets, status, seconds), console)
    uvicorn.run(application, host="127.0.0.1", port=port, log_level="warning", access_log=False)
