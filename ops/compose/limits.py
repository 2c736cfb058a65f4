"""How much memory each container may take: about twice what it takes at rest, more where work takes memory,
and 40 MB more for the health check of a Python part.

Together at most 4 GB for the parts that stay, a test adds them up; what they take: docs/measurements.md.
"""

from __future__ import annotations

from collections.abc import Mapping

PART, SIDECAR, POD, ONCE, TOOL, TESTS, COLLECTOR = "112m", "40m", "8m", "256m", "512m", "2g", "1g"
"""What containers of a kind may take unless one has a limit of its own."""
OWN: Mapping[str, str] = {
    "kafka": "416m",
    "postgres": "512m",  # each of up to 150 sessions takes a few MB
    "temporal": "224m",
    "mesh": "208m",  # beside it Envoy's program looks at a new policy
    "node-cache": "112m",
    "worker": "144m",
    "orders": "144m",
    "users": "144m",  # a password costs 19 MB for a moment
    "reflection": "72m",
    "mail": "64m",
    "edge": "96m",
    "operator": "48m",
}


def of(part: str) -> str:
    """A part's limit."""
    return OWN.get(part, PART)


def is_own(part: str) -> bool:
    """Whether a part has a limit of its own."""
    return part in OWN
