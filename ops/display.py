"""Show the progress of a start: a live table on a terminal, plain lines elsewhere (logs, CI)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

STYLES = {
    "waiting": "dim",
    "preparing": "yellow",
    "starting": "yellow",
    "ready": "green",
    "failed": "bold red",
}


class StartDisplay:
    """The state of each part and the seconds it has taken, from its own beginning."""

    def __init__(self, parts: Iterable[str], console: Console) -> None:
        self._console = console
        self._states = dict.fromkeys(parts, "waiting")
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._live = Live(get_renderable=self._table, console=console, refresh_per_second=8, transient=False)

    def __enter__(self) -> StartDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, part: str, state: str) -> None:
        """A part has come to a state; the last ones are "ready" and "failed"."""
        now = time.monotonic()
        began = self._began.setdefault(part, now)
        self._states[part] = state
        if state in ("ready", "failed"):
            self._took[part] = now - began
            if not self._console.is_terminal:
                self._console.print(f"  {part:<14} {state:<7} {self._took[part]:5.1f} s", highlight=False)

    def _table(self) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False)
        now = time.monotonic()
        for part, state in self._states.items():
            seconds = self._took.get(part, now - self._began.get(part, now))
            shown = "" if state == "waiting" else f"{seconds:5.1f} s"
            table.add_row(f"  {escape(part)}", f"[{STYLES[state]}]{state}[/]", shown)
        return table
