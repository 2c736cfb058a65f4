"""The ways to carry an order through; each mode is one file of the same shape, and one rule picks it."""

from services.orders.domain import Coordination, Flow


class CoordinationNotAvailable(Exception):
    """The mode is declared but not built yet."""

    kind, reason = "unimplemented", "COORDINATION_NOT_AVAILABLE"


class FlowNeedsOrchestration(Exception):
    """The long flow exists in one coordination only."""

    kind, reason = "invalid", "FLOW_NEEDS_ORCHESTRATION"


def choose(asked: Coordination | None, flow: Flow) -> tuple[Coordination, str]:
    """The coordination of a new order, and why."""
    if flow is Flow.FULFIL and asked not in (None, Coordination.ORCHESTRATION):
        raise FlowNeedsOrchestration("FLOW_FULFIL needs COORDINATION_ORCHESTRATION")
    if flow is Flow.FULFIL or asked is Coordination.ORCHESTRATION:
        raise CoordinationNotAvailable("ORCHESTRATION is not built yet; use SYNC or CHOREOGRAPHY")
    if asked is not None:
        return asked, "the caller asked for it"
    return Coordination.SYNC, "the caller left it open, and the answer is to be the outcome"
