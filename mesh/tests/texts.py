"""The text of the policy, and what an edit did to it."""

from __future__ import annotations

import difflib
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "envoy/mesh.yaml").read_text()


def changed(before: str, after: str) -> list[str]:
    """The lines that are gone and those that are new, with their signs."""
    lines = difflib.ndiff(before.split("\n"), after.split("\n"))
    return [line for line in lines if line[:2] in ("- ", "+ ")]


def comments(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip().startswith("#")]
