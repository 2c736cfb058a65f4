"""`make dlq`: the records that consumers have set aside: list them, look at one, redrive a key, drop one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC
from typing import Annotated

import typer

from kit.events import Record
from ops import arguments, event_parts
from ops.decoding import SHOWN_CHARACTERS, clock, printable, see, short
from ops.errors import SuiteError
from ops.event_parts import EventPart
from ops.status import uptime
from ops.suite import Suite
from ordermesh.events.v1 import events_pb2
from ordermesh.events.v1.events_pb2 import DEAD_LETTER_STATE_PARKED, DeadLetter

ID = "The id of a dead letter."


def dlq(
    show: Annotated[str, typer.Option(envvar="SHOW", parser=arguments.identity("SHOW"), help=ID)] = "",
    redrive: Annotated[
        str, typer.Option(envvar="REDRIVE", parser=arguments.identity("REDRIVE"), help=ID)
    ] = "",
    drop: Annotated[str, typer.Option(envvar="DROP", parser=arguments.identity("DROP"), help=ID)] = "",
    everything: Annotated[bool, typer.Option("--all", envvar="ALL", help="Settled ones too.")] = False,
    suite: Annotated[str, typer.Option(envvar="SUITE")] = "main",
) -> None:
    """List what is parked, or SHOW, REDRIVE or DROP one. Exit code 1 while something is parked."""
    if sum(map(bool, (show, redrive, drop))) > 1:
        raise SuiteError("one of SHOW=…, REDRIVE=… and DROP=…, not several")
    running = Suite.load(suite)
    with event_parts.all_parts(running) as parts:
        if redrive:
            parked = _redrive(*find(parts, redrive))
        elif drop:
            parked = _drop(*find(parts, drop))
        elif show:
            part, letter = find(parts, show)
            typer.echo("\n".join(shown(part.name, letter)))
            parked = letter.state == DEAD_LETTER_STATE_PARKED
        else:
            parked = _list(parts, everything)
    raise typer.Exit(1 if parked else 0)


def find(parts: Sequence[EventPart], dead_letter_id: str) -> tuple[EventPart, DeadLetter]:
    """One dead letter and the service that has it; SuiteError if no service has, or one cannot be asked."""
    silent: list[str] = []
    for part in parts:
        try:
            letters = part.dead_letters(settled=True)
        except SuiteError as error:
            silent.append(str(error))
            continue
        for letter in letters:
            if letter.dead_letter_id == dead_letter_id:
                return part, letter
    asked = f"; could not ask {'; '.join(silent)}" if silent else "; `make dlq ALL=1` lists all there are"
    raise SuiteError(f"no dead letter {dead_letter_id}{asked}")


def _list(parts: Sequence[EventPart], everything: bool) -> bool:
    """Print every service's; True if something is parked or a service could not be asked."""
    parked = 0
    silent = False
    for part in parts:
        try:
            letters = part.dead_letters(settled=everything)
        except SuiteError as error:
            silent = True
            typer.echo(f"{error}")
            continue
        count = sum(letter.state == DEAD_LETTER_STATE_PARKED for letter in letters)
        parked += count
        typer.echo(f"{part.name}: {f'{count} parked' if count else 'nothing parked'}")
        for letter in letters:
            typer.echo(f"  {row(letter, time.time())}")
    if parked:
        typer.echo(
            "`make dlq SHOW=<id>` shows one, REDRIVE=<id> handles its key again, DROP=<id> gives it up"
        )
    return bool(parked) or silent


def _redrive(part: EventPart, letter: DeadLetter) -> bool:
    """Handle a key again; True if some of it is still parked."""
    answer = part.redrive(letter.dead_letter_id)
    left = f"{answer.parked} still parked" + (f": {answer.reason}" if answer.reason else "")
    typer.echo(f"{part.name}, key {printable(letter.key)}: {answer.redriven} redriven, {left}")
    return answer.parked > 0


def _drop(part: EventPart, letter: DeadLetter) -> bool:
    """Give one up; True if others of its key are still parked."""
    part.drop(letter.dead_letter_id)
    place = (letter.topic, letter.key)
    left = sum((other.topic, other.key) == place for other in part.dead_letters(settled=False))
    way = f"; `make dlq REDRIVE={letter.dead_letter_id}` lets them go on" if left else ""
    typer.echo(
        f"{part.name}, key {printable(letter.key)}: dropped {position(letter)}, {left} still parked{way}"
    )
    return left > 0


def row(letter: DeadLetter, now: float) -> str:
    """One dead letter in a list; `now` in seconds since 1970."""
    age = uptime(int(now - letter.create_time.ToDatetime(tzinfo=UTC).timestamp()))
    parts = [
        letter.dead_letter_id,
        position(letter),
        f"key {printable(letter.key) or '-'}",
        letter.reason,
        f"{letter.attempts} {'try' if letter.attempts == 1 else 'tries'}",
        f"{age} ago",
    ]
    if letter.state != DEAD_LETTER_STATE_PARKED:
        parts.append(state_of(letter))
    return "  ".join(parts)


def shown(service: str, letter: DeadLetter) -> list[str]:
    """All about one dead letter, line by line; what must not be seen is not in it."""
    key = letter.key.encode() or None
    headers = tuple((header.name, header.value) for header in letter.headers)
    seen = see(Record(letter.topic, letter.partition, letter.offset, key, letter.value, headers))
    lines = [
        f"{service} {position(letter)}, key {printable(letter.key) or '-'}",
        f"  state     {state_of(letter)}",
        f"  cause     {letter.reason}: {printable(letter.error)} ({letter.attempts} tried)",
        f"  set aside {clock(letter.create_time.ToDatetime(tzinfo=UTC))}",
    ]
    if letter.settled_by:
        settled = clock(letter.settle_time.ToDatetime(tzinfo=UTC))
        lines.append(f"  settled   {settled} by {letter.settled_by}")
    lines += [
        f"  header    {printable(name)}: {printable(value)[:SHOWN_CHARACTERS]}" for name, value in headers
    ]
    if seen.fields is None:
        return [*lines, f"  value     {len(letter.value)} bytes, cannot be read ({printable(seen.problem)})"]
    return [*lines, f"  value     {seen.type}", *(f"    {text}" for text in fields_of(seen.fields))]


def fields_of(fields: dict[str, object]) -> list[str]:
    """Each field of a decoded value on its line."""
    return [printable(short({name: value})) for name, value in fields.items()] or ["no field is set"]


def position(letter: DeadLetter) -> str:
    """Where the record stood: topic[partition]@offset."""
    return f"{letter.topic}[{letter.partition}]@{letter.offset}"


def state_of(letter: DeadLetter) -> str:
    """PARKED, REDRIVEN or DROPPED."""
    return events_pb2.DeadLetterState.Name(letter.state).removeprefix("DEAD_LETTER_STATE_")
