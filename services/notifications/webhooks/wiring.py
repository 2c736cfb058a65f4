"""Builds the webhooks' part of the notifications service: constructors, top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kit.background import Background
from kit.database import Database
from services.notifications.webhooks import messages
from services.notifications.webhooks.consumer import WebhooksConsumer
from services.notifications.webhooks.domain import Policy
from services.notifications.webhooks.http import HttpPoster, SystemResolver
from services.notifications.webhooks.rpc import Rules, WebhooksServicer
from services.notifications.webhooks.sending import Pace, Sending
from services.notifications.webhooks.store import WebhooksUnitOfWork


@dataclass(frozen=True)
class Chosen:
    """What the settings say of webhooks."""

    schedule: tuple[timedelta, ...]
    disable_after: timedelta
    overlap: timedelta
    attempt_seconds: float
    lease: timedelta
    local: bool


@dataclass(frozen=True)
class Webhooks:
    """What the service serves, hears and does for webhooks."""

    servicer: WebhooksServicer
    consumer: WebhooksConsumer
    sending: Sending


def build(
    chosen: Chosen,
    database: Database,
    background: Background,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Webhooks:
    """All of it, not started yet."""
    uow = WebhooksUnitOfWork(database, messages.to_payload)
    resolver = SystemResolver()
    poster = HttpPoster(resolver, clock, local=chosen.local)
    policy = Policy(chosen.schedule, chosen.disable_after, chosen.overlap)
    sending = Sending(uow, poster, policy, Pace(chosen.attempt_seconds, chosen.lease), background)
    rules = Rules(chosen.local, chosen.overlap, chosen.attempt_seconds)
    return Webhooks(
        servicer=WebhooksServicer(uow, resolver, poster, rules, sending.look, clock),
        consumer=WebhooksConsumer(uow, sending.look),
        sending=sending,
    )
