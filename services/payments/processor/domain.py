"""The rules of the ledger, and how the test cards misbehave.

Pure and total: every state answers every message; `docs/sagas.md` has the table. The facts of a
decision are the movements of money that the ledger gets. What a test card does wrong is a function of
the token and of how often its key was tried, and of nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

MAX_MINOR = 10**15
SLOW_SECONDS = 2.0

DECLINES: Mapping[str, str] = {
    "tok_declined": "card_declined",
    "tok_insufficient_funds": "insufficient_funds",
    "tok_expired": "expired_card",
}
APPROVES = frozenset({"tok_approved", "tok_slow", "tok_reply_lost", "tok_fails_twice"})
AT_CAPTURE = "tok_capture_"
"""A card whose token begins so behaves when it is authorised, and misbehaves when that is captured."""


class State(StrEnum):
    """Where a charge stands."""

    NONE = "NONE"
    AUTHORIZED = "AUTHORIZED"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True)
class Charge:
    """What the ledger has under one key of a merchant. An authorisation's token stays for its capture."""

    key: str
    state: State = State.NONE
    amount_minor: int | None = None
    currency_code: str | None = None
    decline_code: str = ""
    payment_token: str = field(default="", repr=False)


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


class ChargeNotAuthorized(Exception):
    """There is nothing to capture."""

    kind, reason = "refused", "CHARGE_NOT_AUTHORIZED"


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


def capture_fault(token: str, attempts: int) -> Fault | None:
    """The same for the capture of what was authorised with this card."""
    if not token.startswith(AT_CAPTURE):
        return None
    return fault(token.replace(AT_CAPTURE, "tok_"), attempts)


def charge(found: Charge, amount_minor: int, currency_code: str, token: str) -> Decision:
    """Charge once a key; a repeat gets what is under the key; a dead key is never charged."""
    asked = replace(found, amount_minor=amount_minor, currency_code=currency_code)
    return _first(found, asked, token, _moved(asked))


def authorize(found: Charge, amount_minor: int, currency_code: str, token: str) -> Decision:
    """Set money aside once a key, to be captured or voided; repeats and dead keys as with a charge."""
    asked = replace(found, amount_minor=amount_minor, currency_code=currency_code, payment_token=token)
    return _first(found, asked, token, Decision(replace(asked, state=State.AUTHORIZED)))


def _first(found: Charge, asked: Charge, token: str, done: Decision) -> Decision:
    """What is asked for is `done` if the key is new and the card is good."""
    if found.state is State.VOIDED:
        return Decision(found)
    if not 0 < _amount(asked)[0] <= MAX_MINOR or not _is_currency(_amount(asked)[1]):
        return Decision(found, refusal=MoneyInvalid("charge more than nothing, in a currency such as EUR"))
    if found.state is not State.NONE:
        reused = KeyReused("this key was used for another amount; use a new key")
        return Decision(found, refusal=None if _amount(found) == _amount(asked) else reused)
    if token.replace(AT_CAPTURE, "tok_") not in APPROVES:
        code = DECLINES.get(token, "unknown_token")
        return Decision(replace(asked, state=State.DECLINED, decline_code=code))
    return done


def capture(found: Charge) -> Decision:
    """Move what was set aside, once; what was declined, voided or paid back meanwhile stays so."""
    match found.state:
        case State.NONE:
            return Decision(found, refusal=ChargeNotAuthorized("nothing was set aside under this key"))
        case State.AUTHORIZED:
            return _moved(found)
    return Decision(found)


def _moved(charge: Charge) -> Decision:
    approved = replace(charge, state=State.APPROVED)
    return Decision(approved, (MoneyCharged(approved.key, *_amount(approved)),))


def void(found: Charge) -> Decision:
    """Kill a key, known or not, before money moves under it; what was set aside is free again."""
    match found.state:
        case State.NONE | State.AUTHORIZED:
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
