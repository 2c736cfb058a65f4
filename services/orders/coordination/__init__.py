"""The ways to carry an order through; each mode is one file of the same shape, and one rule picks it."""

from collections.abc import Mapping

from services.orders.domain import Coordination, Flow


class FlowNeedsOrchestration(Exception):
    """The long flow exists in one coordination only."""

    kind, reason = "invalid", "FLOW_NEEDS_ORCHESTRATION"


STEPS: Mapping[Flow, tuple[str, ...]] = {
    Flow.STANDARD: ("reserve", "charge", "confirm"),
    Flow.FULFIL: (
        "reserve",
        "authorise",
        "approve",
        "book shipment",
        "capture",
        "confirm",
        "dispatch",
        "deliver",
    ),
}
ORCHESTRATED_FROM = 5
"""So many steps are more than anybody can follow through events."""


def choose(asked: Coordination | None, flow: Flow) -> tuple[Coordination, str]:
    """The coordination of a new order, and why."""
    if flow is Flow.FULFIL and asked not in (None, Coordination.ORCHESTRATION):
        raise FlowNeedsOrchestration("FLOW_FULFIL needs COORDINATION_ORCHESTRATION")
    if asked is not None:
        return asked, "the caller asked for it"
    steps = len(STEPS[flow])
    chosen = Coordination.ORCHESTRATION if steps >= ORCHESTRATED_FROM else Coordination.CHOREOGRAPHY
    return (
        chosen,
        f"left open by the caller; {flow} has {steps} steps, {ORCHESTRATED_FROM} and more are orchestrated",
    )
