"""How much memory each container may take. Together at most 4 GB, for the parts that stay; see docs/measurements.md."""

from __future__ import annotations

from collections.abc import Mapping

PART, SIDECAR, POD, ONCE = "112m", "48m", "8m", "256m"
"""What containers of a kind may take unless one has a limit of its own."""
OWN: Mapping[str, str] = {
    "kafka": "640m",
    "postgres": "384m",
    "temporal": "384m",
    "mesh": "256m",
    "worker": "192m",
    "mail": "64m",
    "edge": "128m",
    "operator": "64m",
}


def of(part: str) -> str:
    """A part's limit."""
    return OWN.get(part, PART)


def is_own(part: str) -> bool:
    """Whether a part has a limit of its own."""
    return part in OWN
