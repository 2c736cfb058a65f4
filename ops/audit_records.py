"""What an audit reads, and what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.audit_events import Events
from ops.audit_workflows import Workflows

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Records:
    """What was read: rows of each service's tables."""

    orders: Sequence[Row] = ()
    history: Sequence[Row] = ()
    payments: Sequence[Row] = ()
    charges: Sequence[Row] = ()
    entries: Sequence[Row] = ()
    reservations: Sequence[Row] = ()
    stock: Sequence[Row] = ()
    notifications: Sequence[Row] = ()
    shipments: Sequence[Row] = ()
    events: Events = field(default_factory=Events)
    workflows: Workflows = field(default_factory=Workflows)


@dataclass(frozen=True)
class Findings:
    """Violations in words; what is open as (order id, age in seconds, where it stands), of it `stuck` what
    waits for an operator; how many orders there are in each state, how many events in the topics, how many
    workflows in Temporal. `unseen` says what could not be looked at: then nothing is proven.
    """

    violations: list[str]
    open: list[tuple[str, float, str]]
    counts: dict[str, int] = field(default_factory=dict)
    stuck: list[tuple[str, float, str]] = field(default_factory=list)
    events: int = 0
    workflows: int = 0
    unseen: str = ""
