"""Registers what workflows are searched by; the dev server's own flag does so for a new namespace only."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from ops.errors import SuiteError
from ops.site import Site

ATTRIBUTES: Mapping[str, str] = {
    "OrderState": "Keyword",
    "CustomerId": "Keyword",
    "OrderTotal": "Int",
    "Coordination": "Keyword",
}
SECONDS = 15.0


def provision(site: Site) -> None:
    """Register those that are not; SuiteError with Temporal's own words otherwise."""
    pairs = [word for name, kind in ATTRIBUTES.items() for word in ("--name", name, "--type", kind)]
    command = [
        str(site.programs.temporal), "operator", "search-attribute", "create",
        "--address", site.address("temporal"), *pairs,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise SuiteError("Temporal does not register search attributes: no answer") from error
    if done.returncode:
        raise SuiteError(f"Temporal does not register search attributes: {done.stderr.strip()}")
