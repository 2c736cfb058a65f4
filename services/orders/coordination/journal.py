"""The synchronous saga's decisions: given the journal's step and what was heard, what comes next.

Pure and total; `docs/sagas.md` has the table. The pivot is the charge: before the intent to charge is
journalled (CHARGE) the saga can be abandoned at any time, from there it goes on to an outcome. After
that the payment's own row decides: GIVE_UP asks it, and accepts that the charge may have been first.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from services.orders.domain import Told
from services.orders.outcome import Verdict


class Step(StrEnum):
    """What is to be done next. The undo is journalled before it is done, like the do."""

    RESERVE = "RESERVE"
    CHARGE = "CHARGE"
    GIVE_UP = "GIVE_UP"  # cancel a payment that may have been charged
    VOID = "VOID"  # cancel a payment that cannot succeed any more: never sent, or its cancel is promised
    RELEASE = "RELEASE"
    FINISH = "FINISH"  # commit the stock, send the confirmation
    DONE = "DONE"


class Heard(StrEnum):
    """What a participant, or the lack of one, has told us."""

    RESERVED = "reserved"
    STOCK_REFUSED = "stock refused"
    RESERVE_OPEN = "reserve open"
    INTERRUPTED = "interrupted"
    PAID = "paid"
    PAYMENT_FAILED = "payment failed"
    CHARGE_UNSENT = "charge unsent"
    CHARGE_OPEN = "charge open"
    CANCEL_PROMISED = "cancel promised"
    RELEASED = "released"
    FINISHED = "finished"


@dataclass(frozen=True)
class Message:
    """What was heard, and why if something failed; `details` are kept for the caller."""

    heard: Heard
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Next:
    """The step that follows; `tell` goes to the order, `alarm` means that this must never happen."""

    step: Step
    tell: Told | None = None
    alarm: bool = False


_TABLE: dict[tuple[Step, Heard], Next] = {
    (Step.RESERVE, Heard.RESERVED): Next(Step.CHARGE),
    (Step.RESERVE, Heard.STOCK_REFUSED): Next(Step.DONE, Told.STOCK_RESERVATION_FAILED),
    (Step.RESERVE, Heard.RESERVE_OPEN): Next(Step.VOID),
    (Step.RESERVE, Heard.INTERRUPTED): Next(Step.VOID),
    (Step.RESERVE, Heard.PAYMENT_FAILED): Next(Step.RELEASE),
    (Step.RESERVE, Heard.CANCEL_PROMISED): Next(Step.VOID),
    (Step.CHARGE, Heard.PAID): Next(Step.FINISH, Told.PAYMENT_PROCESSED),
    (Step.CHARGE, Heard.PAYMENT_FAILED): Next(Step.RELEASE),
    (Step.CHARGE, Heard.CANCEL_PROMISED): Next(Step.VOID),
    (Step.CHARGE, Heard.CHARGE_UNSENT): Next(Step.VOID),
    (Step.CHARGE, Heard.CHARGE_OPEN): Next(Step.GIVE_UP),
    (Step.GIVE_UP, Heard.PAID): Next(Step.FINISH, Told.PAYMENT_PROCESSED),
    (Step.GIVE_UP, Heard.PAYMENT_FAILED): Next(Step.RELEASE),
    (Step.GIVE_UP, Heard.CANCEL_PROMISED): Next(Step.VOID),
    (Step.VOID, Heard.PAID): Next(Step.FINISH, Told.PAYMENT_PROCESSED, alarm=True),
    (Step.VOID, Heard.PAYMENT_FAILED): Next(Step.RELEASE),
    (Step.RELEASE, Heard.RELEASED): Next(Step.DONE, Told.STOCK_RELEASED),
    (Step.RELEASE, Heard.PAID): Next(Step.RELEASE, alarm=True),
    (Step.FINISH, Heard.FINISHED): Next(Step.DONE),
    (Step.FINISH, Heard.PAYMENT_FAILED): Next(Step.FINISH, alarm=True),
}

REFUSALS = frozenset({"OUT_OF_STOCK", "PAYMENT_DECLINED", "CANCELLED_BY_CUSTOMER"})
"""Reasons that are a decision about the order; every other one is an outage, and the caller may try again."""

_UNDECIDED = frozenset({Step.RESERVE, Step.CHARGE, Step.GIVE_UP})


def verdict(step: Step, reason: str, *, confirmed: bool) -> Verdict:
    """What the caller can be told: once the payment cannot succeed any more the refusal is certain."""
    if confirmed:
        return Verdict.CONFIRMED
    if step in _UNDECIDED:
        return Verdict.OPEN
    return Verdict.REFUSED if reason in REFUSALS else Verdict.RETRY


def after(step: Step, heard: Heard) -> Next:
    """The step that follows; a message that says nothing new in this step changes nothing."""
    return _TABLE.get((step, heard), Next(step))
