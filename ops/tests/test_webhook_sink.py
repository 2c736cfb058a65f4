"""The local receiver of webhooks: it checks signatures, answers challenges, and fails when it is told to."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from rich.console import Console
from standardwebhooks import Webhook

from ops.webhook_sink import LARGEST_BODY, Behaviour, sink

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
ID = "6f8f57d0-5d1c-4e0b-9d57-0c3f2b8b1a11"
MESSAGE = {"type": "order.confirmed", "data": {"order_id": ID, "version": 2, "state": "CONFIRMED"}}


def signed(message: Any, secret: str = SECRET, age: timedelta = timedelta()) -> dict[str, Any]:
    """What a sender sends."""
    time, body = datetime.now(UTC) - age, json.dumps(message)
    headers = {
        "webhook-id": ID,
        "webhook-timestamp": str(int(time.timestamp())),
        "webhook-signature": Webhook(secret).sign(ID, time, body),
    }
    return {"content": body, "headers": headers}


async def post(behaviour: Behaviour, **sent: Any) -> tuple[httpx.Response, str]:
    """What the sink answers, and prints."""
    printed = io.StringIO()
    application = sink(behaviour, Console(file=printed, soft_wrap=True))
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://sink") as client:
        answer = await client.post("/any/path", **sent)
    return answer, printed.getvalue()


async def test_a_message_that_is_signed_well_is_taken_and_printed() -> None:
    answer, printed = await post(Behaviour((OTHER, SECRET)), **signed(MESSAGE))
    assert answer.status_code == 200
    assert printed == f"order.confirmed  {ID} 2 CONFIRMED  webhook-id {ID}  signature good\n"


@pytest.mark.parametrize(
    "sent",
    [
        signed(MESSAGE, OTHER),
        signed(MESSAGE, age=timedelta(minutes=6)),
        signed(MESSAGE) | {"content": json.dumps(MESSAGE | {"type": "order.cancelled"})},
        {"content": json.dumps(MESSAGE)},
        {"content": b"\xff", "headers": signed(MESSAGE)["headers"]},
        {"content": "{}", "headers": signed(MESSAGE)["headers"] | {"webhook-signature": "v1,x"}},
        {"content": "{}", "headers": signed(MESSAGE)["headers"] | {"webhook-signature": "x"}},
    ],
    ids=["another secret", "too old", "altered", "unsigned", "no text", "bad base64", "no version"],
)
async def test_any_other_message_is_refused(sent: dict[str, Any]) -> None:
    answer, printed = await post(Behaviour((SECRET,)), **sent)
    assert answer.status_code == 401
    assert "signature WRONG" in printed


async def test_a_challenge_is_answered_and_without_a_secret_nothing_is_checked() -> None:
    answer, printed = await post(
        Behaviour(), content=json.dumps({"type": "webhook.verify", "data": {"challenge": "abc"}})
    )
    assert answer.json() == {"challenge": "abc"}
    assert "signature not checked" in printed


@pytest.mark.parametrize("status", [500, 410])
async def test_it_fails_as_it_is_told_to(status: int) -> None:
    answer, _ = await post(Behaviour((SECRET,), status), **signed(MESSAGE))
    assert answer.status_code == status


async def test_a_large_body_is_refused_before_it_is_read_to_its_end() -> None:
    answer, printed = await post(Behaviour((SECRET,)), content=b"x" * (LARGEST_BODY + 1))
    assert (answer.status_code, printed) == (413, "")


async def test_what_is_no_json_is_said_to_be_none() -> None:
    _, printed = await post(Behaviour(), content="[" * 9000)
    assert printed.startswith("no JSON")
