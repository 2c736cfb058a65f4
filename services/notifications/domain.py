"""The rules of a message to a customer: recorded once, tried until the mail server has taken it.

Pure and total: every state answers every message; `docs/sagas.md` has the table. Nothing here knows an
address or a name.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

LEASE = timedelta(seconds=10)
"""How long a message belongs to whoever tries to send it."""
LONGEST_PAUSE = timedelta(seconds=60)
MAX_MINOR = 10**15


class State(StrEnum):
    """Where a message stands."""

    NONE = "NONE"
    PENDING = "PENDING"
    SENT = "SENT"


class Kind(StrEnum):
    """What a message says."""

    CONFIRMATION = "CONFIRMATION"
    RECEIPT = "RECEIPT"


@dataclass(frozen=True)
class Terms:
    """Whom to tell what: the customer, and what the order cost."""

    customer_id: UUID
    total_minor: int
    currency_code: str


@dataclass(frozen=True)
class Notification:
    """One message to one customer about one order."""

    notification_id: UUID
    order_id: UUID
    kind: Kind = Kind.CONFIRMATION
    state: State = State.NONE
    terms: Terms | None = None
    attempts: int = 0
    next_attempt_time: datetime | None = None
    create_time: datetime | None = None
    send_time: datetime | None = None


@dataclass(frozen=True)
class ConfirmationSent:
    """The mail server has taken the confirmation."""

    order_id: UUID


Fact = ConfirmationSent


class TermsDiffer(Exception):
    """The order's confirmation was asked for with another content."""

    kind, reason = "invalid", "REQUEST_ID_MISMATCH"


class MoneyInvalid(Exception):
    """The total is none that an order can have."""

    kind, reason, field = "invalid", "MONEY_INVALID", "total"


@dataclass(frozen=True)
class Decision:
    """What follows from one message."""

    notification: Notification
    facts: tuple[Fact, ...] = ()
    refusal: Exception | None = None
    alarm: bool = False

    def answer(self) -> Notification:
        """The notification, or the refusal raised."""
        if self.refusal is not None:
            raise self.refusal
        return self.notification


def send(notification: Notification, terms: Terms, now: datetime) -> Decision:
    """Record once that a message is to be sent; a repeat gets the answer of the first."""
    if notification.state is State.NONE:
        if not _is_money(terms):
            refusal = MoneyInvalid("total: must be above zero, with a currency code such as EUR")
            return Decision(notification, refusal=refusal)
        pending = replace(notification, state=State.PENDING, terms=terms, next_attempt_time=now + LEASE)
        return Decision(pending)
    if notification.terms != terms:
        refused = TermsDiffer("the order's confirmation was asked for with another content before")
        return Decision(notification, refusal=refused)
    return Decision(notification)


def delivered(notification: Notification, now: datetime) -> Decision:
    """The mail server has taken it."""
    if notification.state is not State.PENDING:
        return Decision(notification)
    attempts = notification.attempts + 1
    sent = replace(notification, state=State.SENT, attempts=attempts, next_attempt_time=None, send_time=now)
    told = (ConfirmationSent(notification.order_id),) if notification.kind is Kind.CONFIRMATION else ()
    return Decision(sent, told)


def failed(notification: Notification, now: datetime) -> Decision:
    """It could not be sent: try again, later each time."""
    if notification.state is not State.PENDING:
        return Decision(notification)
    attempts = notification.attempts + 1
    later = now + pause(attempts)
    return Decision(replace(notification, attempts=attempts, next_attempt_time=later))


def pause(attempts: int) -> timedelta:
    """How long to wait after so many failures: 1 s, 2 s, 4 s, … a minute."""
    return min(timedelta(seconds=2 ** min(attempts - 1, 10)), LONGEST_PAUSE)


def _is_money(terms: Terms) -> bool:
    code = terms.currency_code
    is_currency = len(code) == 3 and code.isascii() and code.isupper() and code.isalpha()
    return is_currency and 0 < terms.total_minor <= MAX_MINOR
