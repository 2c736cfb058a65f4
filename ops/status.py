"""`make status`: every part with its state, pid, time up, memory, port and health."""

from __future__ import annotations

import asyncio

from rich.console import Console
from rich.table import Table

from ops import probes, versions
from ops.suite import Suite


async def healths(suite: Suite) -> dict[str, str | None]:
    """The probe's answer of every part, asked at once."""
    answers = await asyncio.gather(*(probes.ready(suite.site, part) for part in suite.parts.values()))
    return dict(zip(suite.parts, answers, strict=True))


def uptime(seconds: int) -> str:
    """A duration as a person says it: 42s, 3m 07s, 5h 12m."""
    minutes, rest = divmod(max(seconds, 0), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes_left:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def status(suite_name: str, console: Console) -> int:
    """Print the table; exit status 1 unless every part is healthy."""
    suite = Suite.load(suite_name)
    suite.require_running()
    states, used, found = suite.states(), suite.memory(), asyncio.run(healths(suite))
    table = Table("part", "state", "pid", "up", "MB", "port", "health", box=None, pad_edge=False)
    for name, part in suite.parts.items():
        now = states.get(name)
        pid = now.pid if now else 0
        table.add_row(
            name,
            now.state.lower() if now else "unknown",
            str(pid or ""),
            uptime(now.seconds) if now and pid else "",
            f"{used[name] / 1e6:.0f}" if name in used else "",
            str(suite.ports[part.ports[0]]) if part.ports else "",
            f"[red]{found[name]}[/]" if found[name] else "[green]healthy[/]",
        )
    console.print(table)
    total = sum(used.values())
    console.print(f"\nsuite {suite.name}: {total / 1e9:.2f} GB (shared pages counted once)")
    stay = versions.kept(suite.site)
    versions.tell(suite, stay, console, gone="is not needed any more: `make up` removes it")
    return 1 if any(found.values()) else 0
