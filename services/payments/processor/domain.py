"""The rules of the ledger, and how the test cards misbehave.

Pure and total: every state answers every message; `docs/sagas.md` has the table. The facts of a
decision are the movements of money that the ledger gets. What a test card does wrong is a function of
the token and of how often its key was tried, and of nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

MAX_MINOR = 10**15
SLOW_SECONDS = 2.0

DECLINES: Mapping[str, str] = {
    "tok_declined": "card_declined",
    "tok_insufficient_funds": "insufficient_funds",
    "tok_expired": "expired_card",
}
APPROVES = frozenset({"tok_approved", "tok_slow", "tok_reply_lost", "tok_fails_twice"})


class State(StrEnum):
    """Where a charge stands."""

    NONE = "NONE"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True)
class Charge:
    """What the ledger has under one key of a merchant."""

    key: str
    state: State = State.NONE
    amount_minor: int | None = None
    currency_code: str | None = None
    decline_code: str = ""


@dataclass(frozen=True)
class MoneyCharged:
    """Money moved from the customer."""

    key: str
    amount_minor: int
    currency_code: str


@dataclass(frozen=True)
class MoneyRefunded:
    """Money moved back to the customer."""

    key: str
    amount_minor: int
    currency_code: str


Fact = MoneyCharged | MoneyRefunded


class KeyReused(Exception):
    """The key was used for another amount."""

    kind, reason = "invalid", "KEY_REUSED"


class KeyInvalid(Exception):
    """The key cannot be kept."""

    kind, reason = "invalid", "VALIDATION_FAILED"


class MoneyInvalid(Exception):
    """The amount is none that can be charged."""

    kind, reason = "invalid", "MONEY_INVALID"


class ChargeApproved(Exception):
    """The money has moved: too late to void, pay it back instead."""

    kind, reason = "refused", "CHARGE_APPROVED"


class ChargeRefunded(Exception):
    """The money has moved and was paid back: there is nothing to void."""

    kind, reason = "refused", "CHARGE_REFUNDED"


class ChargeNotApproved(Exception):
    """There is nothing to pay back."""

    kind, reason = "refused", "CHARGE_NOT_APPROVED"


class ChargeNotFound(Exception):
    """The ledger has no such key; the charge may still be on its way."""

    kind, reason = "missing", "CHARGE_NOT_FOUND"


class ProcessorUnavailable(Exception):
    """The answer that a failing processor gives: it says nothing about the money."""

    kind, reason = "unavailable", "PROCESSOR_UNAVAILABLE"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one attempt: it is late, it has no effect, or its answer is lost."""

    seconds: float = 0.0
    no_effect: bool = False
    reply_lost: bool = False


@dataclass(frozen=True)
class Decision:
    """What follows from one message."""

    charge: Charge
    facts: tuple[Fact, ...] = ()
    refusal: Exception | None = None

    def answer(self) -> Charge:
        """The charge, or the refusal raised."""
        if self.refusal is not None:
            raise self.refusal
        return self.charge


def fault(token: str, attempts: int) -> Fault | None:
    """How this card misbehaves at its key's `attempts`-th try, counted from 1; None if it does not."""
    match token:
        case "tok_slow":
            return Fault(seconds=SLOW_SECONDS)
        case "tok_reply_lost" if attempts == 1:
            return Fault(reply_lost=True)
        case "tok_fails_twice" if attempts <= 2:
            return Fault(no_effect=True)
    return None


def charge(found: Charge, amount_minor: int, currency_code: str, token: str) -> Decision:
    """Charge once a key; a repeat gets the first answer; a dead key is never charged."""
    if found.state is State.VOIDED:
        return Decision(found)
    if not 0 < amount_minor <= MAX_MINOR or not _is_currency(currency_code):
        return Decision(found, refusal=MoneyInvalid("charge more than nothing, in a currency such as EUR"))
    if found.state is State.NONE:
        return _charge_first(replace(found, amount_minor=amount_minor, currency_code=currency_code), token)
    if (found.amount_minor, found.currency_code) != (amount_minor, currency_code):
        return Decision(found, refusal=KeyReused("this key was used for another amount; use a new key"))
    return Decision(found)


def _charge_first(asked: Charge, token: str) -> Decision:
    if token not in APPROVES:
        code = DECLINES.get(token, "unknown_token")
        return Decision(replace(asked, state=State.DECLINED, decline_code=code))
    approved = replace(asked, state=State.APPROVED)
    return Decision(approved, (MoneyCharged(approved.key, *_amount(approved)),))


def void(found: Charge) -> Decision:
    """Kill a key, known or not, before money moves under it."""
    match found.state:
        case State.NONE:
            return Decision(replace(found, state=State.VOIDED))
        case State.APPROVED:
            return Decision(found, refusal=ChargeApproved("the money has moved; refund it instead"))
        case State.REFUNDED:
            return Decision(found, refusal=ChargeRefunded("the money has moved and was paid back"))
    return Decision(found)


def refund(found: Charge) -> Decision:
    """Pay an approved charge back, once."""
    match found.state:
        case State.APPROVED:
            refunded = replace(found, state=State.REFUNDED)
            return Decision(refunded, (MoneyRefunded(found.key, *_amount(found)),))
        case State.REFUNDED:
            return Decision(found)
    return Decision(found, refusal=ChargeNotApproved("no money has moved under this key"))


def _amount(known: Charge) -> tuple[int, str]:
    return known.amount_minor or 0, known.currency_code or ""


def _is_currency(code: str) -> bool:
    return len(code) == 3 and code.isascii() and code.isupper() and code.isalpha()
