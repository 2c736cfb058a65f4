"""What is answered for an order: how far its outcome is known, and how that is said to the caller."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from services.orders import domain
from services.orders.domain import Order, State


class Verdict(StrEnum):
    """How far an order's outcome is known: RETRY means that nothing is charged or held, and never will be.
    ACCEPTED: it is open, and the caller does not wait for it.
    """

    ACCEPTED = "ACCEPTED"
    CONFIRMED = "CONFIRMED"
    REFUSED = "REFUSED"
    RETRY = "RETRY"
    OPEN = "OPEN"


@dataclass(frozen=True)
class Outcome:
    """What to answer for an order: confirmed; refused for a reason; try again, for nothing was charged or
    held and nothing will be; or still open.
    """

    order: Order
    verdict: Verdict
    reason: str = ""
    details: dict[str, str] = field(default_factory=dict)

    def answer(self) -> Order:
        """The order as it was accepted or confirmed, or the refusal raised."""
        match self.verdict:
            case Verdict.REFUSED:
                raise OrderRefused(self)
            case Verdict.RETRY:
                raise TryAgain(self)
            case Verdict.OPEN:
                raise RequestInProgress(self.order.order_id)
        return self.order


def standing(order: Order, *, waits: bool) -> Outcome:
    """What to answer for an order that others carry. Who does not wait for its end is told how it stands,
    even if it has ended by now.
    """
    verdict = Verdict.ACCEPTED
    if order.state in domain.PAID:
        verdict = Verdict.CONFIRMED
    elif waits and order.state is State.CANCELLED:
        verdict = Verdict.REFUSED
    return Outcome(order, verdict, order.reason)


class OrderRefused(Exception):
    """The order exists and is, or is about to be, cancelled for this reason."""

    kind = "refused"

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the order is cancelled: {outcome.reason}")
        self.reason = outcome.reason
        self.details = {"order_id": str(outcome.order.order_id), **outcome.details}


class TryAgain(Exception):
    """Nothing was charged or held, and nothing will be: the same request places a new order."""

    kind, reason = "unavailable", "DEPENDENCY_UNAVAILABLE"

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the order was not placed ({outcome.reason}); try again")
        self.details = {"order_id": str(outcome.order.order_id), "cause": outcome.reason, **outcome.details}


class Overloaded(Exception):
    """Nothing was begun: this instance has as many orders under way as it can bring to an end in time."""

    kind, reason = "unavailable", "OVERLOADED"

    def __init__(self, under_way: int) -> None:
        super().__init__(f"{under_way} orders are under way here already; try again")


class RequestInProgress(Exception):
    """The outcome is open; the same request_id asks for it again."""

    kind, reason = "conflict", "REQUEST_IN_PROGRESS"

    def __init__(self, order_id: UUID) -> None:
        super().__init__("the order's outcome is still open; repeat with the same request_id")
        self.details = {"order_id": str(order_id)}
