"""`make lag`: what waits in the outboxes, what consumers did, how far the groups are behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from ops import event_parts
from ops.broker import Broker
from ops.columns import aligned
from ops.errors import SuiteError
from ops.event_parts import EventPart
from ops.status import uptime
from ops.suite import Suite
from ordermesh.events.v1 import events_service_pb2 as pb

Flow = pb.GetEventFlowResponse
HEADINGS = ("service", "unsent", "oldest", "applied", "repeated", "skipped", "dead", "parked")
NOTHING = ("",) * (len(HEADINGS) - 2)


def lag(suite: Annotated[str, typer.Option(envvar="SUITE")] = "main") -> None:
    """Print both tables. Exit code 1 if a service or the broker cannot be asked; a lag itself is no error."""
    running = Suite.load(suite)
    running.require_running()
    flows: dict[str, Flow | str] = {}
    try:
        with event_parts.all_parts(running) as parts:
            flows = {part.name: _flow(part) for part in parts}
    except SuiteError as error:  # nobody to sign in with; the broker can still be asked
        typer.echo(f"{error}")
    for line in aligned([HEADINGS, *(row for name, flow in flows.items() for row in rows(name, flow))]):
        typer.echo(line)
    typer.echo("(counted since each service was started; unsent and parked are in its database)\n")
    complete = bool(flows) and not any(isinstance(flow, str) for flow in flows.values())
    try:
        behind = _behind(Broker(running.address("kafka")), flows)
    except SuiteError as error:
        typer.echo(f"{error}")
        raise typer.Exit(1) from error
    table = [(group, topic, count) for (group, topic), count in sorted(behind.items())]
    for line in aligned([("group", "topic", "behind"), *table]):
        typer.echo(line)
    raise typer.Exit(0 if complete else 1)


def _flow(part: EventPart) -> Flow | str:
    """What a service says, or why it says nothing."""
    try:
        return part.flow()
    except SuiteError as error:
        return str(error).removeprefix(f"{part.name}: ")


def rows(service: str, flow: Flow | str) -> list[Sequence[object]]:
    """The lines of one service: one for each consumer; one for a service without any, or one that is down."""
    if isinstance(flow, str):
        return [(service, f"down ({flow.partition(':')[0].strip()})", *NOTHING)]
    oldest = uptime(int(flow.oldest_unsent_seconds)) if flow.unsent else ""
    sent: tuple[object, ...] = (service, flow.unsent, oldest)
    done = [(each.applied, each.repeated, each.skipped, each.dead, each.parked) for each in flow.consumers]
    return [(*sent, *counts) for counts in done] or [(*sent, *NOTHING[1:])]


def _behind(broker: Broker, flows: Mapping[str, Flow | str]) -> dict[tuple[str, str], int]:
    """Of every group that the broker or a service knows."""
    reads: dict[str, Sequence[str]] = dict.fromkeys(broker.groups(), ())
    for flow in flows.values():
        if not isinstance(flow, str):
            reads |= {each.consumer: list(each.topics) for each in flow.consumers}
    return broker.behind(reads)
