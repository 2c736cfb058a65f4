"""`make events`: follows the topics, one decoded line an event, without leaving a trace at the broker."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any

import typer

from kit.events import Record
from ops import arguments, decoding, topics
from ops.broker import Broker
from ops.errors import SuiteError
from ops.suite import Suite
from ops.topic_reader import TopicReader

SINCE = ("", "beginning", "now")


def events(
    order: Annotated[
        str, typer.Option(envvar="ORDER", parser=arguments.identity("ORDER"), help="Only this order's.")
    ] = "",
    kind: Annotated[str, typer.Option("--type", envvar="TYPE", help="Only these: OrderPlaced,…")] = "",
    since: Annotated[
        str,
        typer.Option(envvar="SINCE", parser=arguments.one_of("SINCE", SINCE), help="beginning or now."),
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", envvar="F", help="0: end at the end.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", envvar="JSON", help="One JSON object a line.")] = False,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """Show events as they happen; with ORDER from the beginning. Ends on Ctrl-C and SIGTERM with 0."""
    only = wanted(order, kind)
    running = Suite.load(suite)
    running.require_running()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    beginning = since == "beginning" or (not since and bool(order))
    reader = TopicReader(Broker(running.address("kafka")), topics.EVENTS, beginning)
    if follow:
        begin = "the beginning" if beginning else "now"
        _note(f"{len(topics.EVENTS)} topics of suite {running.name} from {begin} on; Ctrl-C ends")
    show = decoding.as_json if as_json else decoding.line
    try:
        for seen in reader.read(only, follow, stop.is_set, _note):
            print(show(seen), flush=True)
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        reader.close()


def wanted(order: str, kinds: str) -> Callable[[Record], bool]:
    """Which records are shown: those of an order and of some types, "" for all. SuiteError for a type that
    no proto describes.
    """
    known = {name.rpartition(".")[2].lower(): name for name in decoding.event_types()}
    asked = [name.strip().rpartition(".")[2].lower() for name in kinds.split(",") if name.strip()]
    if unknown := [name for name in asked if name not in known]:
        names = ", ".join(sorted(name.rpartition(".")[2] for name in known.values()))
        raise SuiteError(f"TYPE={kinds}: no event is called {', '.join(unknown)}; there are {names}")
    types = {known[name].encode() for name in asked}
    key = order.encode()

    def is_wanted(record: Record) -> bool:
        headers: dict[str, Any] = dict(record.headers) if types else {}
        return (not key or record.key == key) and (not types or headers.get("ce_type") in types)

    return is_wanted


def _note(text: str) -> None:
    """A word beside the events, which go to standard output alone."""
    typer.echo(text, err=True)
