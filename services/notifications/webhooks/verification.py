"""Proves that an endpoint wants our messages: it repeats the challenge of a signed test message.

A server that says 200 to everybody has not agreed to anything; see ADR 22.
"""

import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kit.requests import RequestKey
from services.notifications.webhooks import domain
from services.notifications.webhooks.domain import Endpoint, NotVerified, Outcome
from services.notifications.webhooks.usecases import Parcel, UnitOfWork


@dataclass(frozen=True)
class VerifyEndpoint:
    """Send this challenge to an endpoint, and wait so long for its answer."""

    key: RequestKey
    endpoint_id: UUID
    account_id: UUID
    message_id: UUID
    challenge: str
    seconds: float


class Poster(Protocol):
    """Hands messages over."""

    async def post(self, parcel: Parcel, seconds: float) -> tuple[Outcome, bytes]:
        """Sign and post; how it ended, and the beginning of the answer's body."""


async def verify_endpoint(
    command: VerifyEndpoint, uow: UnitOfWork, poster: Poster, now: datetime
) -> Endpoint:
    """Send a test message; what answers its challenge is active from then on. No transaction waits for it."""
    async with uow.begin() as tx:
        endpoint, _ = await tx.endpoint(command.endpoint_id, command.account_id, lock=False)
        if await tx.recall(command.key) is not None:
            return endpoint
        secrets = await tx.secrets(endpoint.endpoint_id)
    message = {
        "type": "webhook.verify",
        "timestamp": now.isoformat(),
        "data": {"challenge": command.challenge},
    }
    parcel = Parcel(endpoint.url, command.message_id, json.dumps(message), secrets)
    outcome, body = await poster.post(parcel, command.seconds)
    if not outcome.succeeded or not _answers(body, command.challenge):
        raise NotVerified(outcome)
    async with uow.begin() as tx:
        endpoint, time = await tx.endpoint(command.endpoint_id, command.account_id, lock=True)
        await tx.claim(command.key, endpoint.endpoint_id)
        endpoint = domain.verified(endpoint, time)
        await tx.update_endpoint(endpoint)
    return endpoint


def _answers(body: bytes, challenge: str) -> bool:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    said = answer.get("challenge") if isinstance(answer, dict) else None
    return isinstance(said, str) and hmac.compare_digest(said.encode(errors="replace"), challenge.encode())
