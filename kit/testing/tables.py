"""Reads the saga tables of docs/sagas.md, which the tests take as their expectation."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAGAS = Path(__file__).resolve().parents[2] / "docs" / "sagas.md"


@dataclass(frozen=True)
class Cell:
    """What one message does in one state.

    `state` is None when nothing changes; `facts` are event names in order; `refusal` is the reason the
    asker is told, "" if none; `alarm` means that this must never happen and is reported.
    """

    state: str | None = None
    facts: tuple[str, ...] = ()
    refusal: str = ""
    alarm: bool = False


def rows(heading: str) -> Iterator[dict[str, str]]:
    """The rows of the first table under a heading, as column → text."""
    text = SAGAS.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    columns = [part.strip() for part in lines[0].strip("|").split("|")]
    for line in lines[2:]:
        yield dict(zip(columns, [part.strip() for part in line.strip("|").split("|")], strict=True))


def cells(heading: str) -> list[tuple[str, str, Cell]]:
    """Every cell of a state table: (state, message, what follows)."""
    return [
        (row["state"], message, parse(text))
        for row in rows(heading)
        for message, text in row.items()
        if message != "state"
    ]


def parse(text: str) -> Cell:
    """`→ STATE · Fact · Fact`, `same`, `refused REASON`, `alarm REASON`; parts joined by ` · `."""
    state: str | None = None
    facts: list[str] = []
    refusal, alarm = "", False
    for part in text.split(" · "):
        word, _, rest = part.partition(" ")
        if word == "→":
            state = rest
        elif word == "refused":
            refusal = rest
        elif word == "alarm":
            alarm, refusal = True, rest or refusal
        elif word != "same":
            facts.append(part)
    return Cell(state, tuple(facts), refusal, alarm)
