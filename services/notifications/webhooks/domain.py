"""The rules of webhooks: where an endpoint stands, and when an attempt follows another.

Pure: time and chance come in as arguments. `docs/sagas.md` has the table of a delivery.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

MOST_ENDPOINTS = 10
"""How many endpoints an account may have."""
LONGEST_RETRY_AFTER = timedelta(hours=24)
GONE = 410


class EndpointState(StrEnum):
    """Where an endpoint stands."""

    UNVERIFIED = "UNVERIFIED"
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class AccessDenied(Exception):
    """The endpoint or the delivery is unknown, or somebody else's."""

    kind, reason = "denied", "ACCESS_DENIED"

    def __init__(self) -> None:
        super().__init__("no such thing, or it is not yours")


class TooManyEndpoints(Exception):
    """The account has as many as it may have."""

    kind, reason = "refused", "TOO_MANY_WEBHOOK_ENDPOINTS"

    def __init__(self) -> None:
        super().__init__(f"an account has at most {MOST_ENDPOINTS} endpoints: delete one first")
        self.details = {"most": str(MOST_ENDPOINTS)}


class NotVerified(Exception):
    """The endpoint did not answer the test message as it should."""

    kind, reason = "refused", "WEBHOOK_NOT_VERIFIED"

    def __init__(self, outcome: "Outcome") -> None:
        super().__init__('answer the test message with 2xx and the JSON {"challenge": "<that of its data>"}')
        cause = outcome.reason or "CHALLENGE_NOT_ANSWERED"
        self.details = {"cause": cause, "status_code": str(outcome.status_code)}


class EndpointNotActive(Exception):
    """Nothing is sent to an endpoint that is not verified, or disabled."""

    kind, reason = "refused", "WEBHOOK_ENDPOINT_NOT_ACTIVE"

    def __init__(self, state: EndpointState) -> None:
        super().__init__("verify the endpoint first: VerifyWebhookEndpoint")
        self.details = {"state": state.value}


@dataclass(frozen=True)
class Policy:
    """When attempts follow each other, and when it is enough."""

    schedule: tuple[timedelta, ...]
    disable_after: timedelta
    overlap: timedelta
    """How long a replaced secret still signs."""


@dataclass(frozen=True)
class Endpoint:
    """An address of an account's own."""

    endpoint_id: UUID
    account_id: UUID
    url: str
    event_types: tuple[str, ...]
    state: EndpointState = EndpointState.UNVERIFIED
    disable_reason: str = ""
    create_time: datetime | None = None
    verify_time: datetime | None = None
    failure_time: datetime | None = None
    failure_reason: str = ""


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint."""

    delivery_id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    order_id: UUID
    version: int
    payload: str = field(repr=False)
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    last_status_code: int = 0
    last_failure_reason: str = ""
    create_time: datetime | None = None
    next_attempt_time: datetime | None = None
    settle_time: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended: the status if there was an answer, and why it is no success if it is none."""

    status_code: int = 0
    reason: str = ""
    retry_after: timedelta = timedelta(0)

    @property
    def succeeded(self) -> bool:
        """2xx and nothing else."""
        return not self.reason


@dataclass(frozen=True)
class Settled:
    """What follows from one attempt. `disabled`: all else that waits for the endpoint is given up too."""

    endpoint: Endpoint
    delivery: Delivery
    disabled: bool = False


def verified(endpoint: Endpoint, now: datetime) -> Endpoint:
    """It has answered the test message."""
    state = EndpointState.ACTIVE
    healthy = replace(endpoint, disable_reason="", failure_time=None, failure_reason="")
    return replace(healthy, state=state, verify_time=now)


def redeliver(endpoint: Endpoint, delivery: Delivery, now: datetime) -> Delivery:
    """Send it again from the beginning of its schedule; one that is pending is only tried at once."""
    if endpoint.state is not EndpointState.ACTIVE:
        raise EndpointNotActive(endpoint.state)
    if delivery.state is DeliveryState.PENDING:
        return replace(delivery, next_attempt_time=now)
    again = replace(delivery, state=DeliveryState.PENDING, attempts=0, settle_time=None)
    return replace(again, next_attempt_time=now)


def settle(
    endpoint: Endpoint, delivery: Delivery, outcome: Outcome, now: datetime, chance: float, policy: Policy
) -> Settled:
    """What an attempt means for the delivery and for its endpoint; `chance` is in [0, 1)."""
    if delivery.state is not DeliveryState.PENDING:
        return Settled(endpoint, delivery)
    tried = replace(
        delivery,
        attempts=delivery.attempts + 1,
        last_status_code=outcome.status_code,
        last_failure_reason=outcome.reason,
    )
    if outcome.succeeded:
        taken = replace(tried, state=DeliveryState.SUCCEEDED, next_attempt_time=None, settle_time=now)
        return Settled(replace(endpoint, failure_time=None, failure_reason=""), taken)
    since = endpoint.failure_time or now
    failing = replace(endpoint, failure_time=since, failure_reason=outcome.reason)
    enough = (
        "GONE" if outcome.status_code == GONE else "FAILING" if now - since >= policy.disable_after else ""
    )
    given_up = replace(tried, state=DeliveryState.FAILED, next_attempt_time=None, settle_time=now)
    if enough and endpoint.state is EndpointState.ACTIVE:
        disabled = replace(failing, state=EndpointState.DISABLED, disable_reason=enough)
        return Settled(disabled, given_up, disabled=True)
    if tried.attempts > len(policy.schedule):
        return Settled(failing, given_up)
    later = now + pause(tried.attempts, outcome, chance, policy)
    return Settled(failing, replace(tried, next_attempt_time=later))


def pause(attempts: int, outcome: Outcome, chance: float, policy: Policy) -> timedelta:
    """The wait after so many failures: as scheduled, a tenth more or less, or as the receiver asks."""
    scheduled = policy.schedule[attempts - 1] * (0.9 + 0.2 * chance)
    return max(scheduled, min(outcome.retry_after, LONGEST_RETRY_AFTER))
