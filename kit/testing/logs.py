"""Logs as a running service writes them; a test's own screen would show local variables in a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from kit import logs


@contextmanager
def as_a_service_logs(service: str) -> Iterator[None]:
    """Set logging up like the service's process, for the length of a block."""
    logs.configure(service, "DEBUG")
    try:
        yield
    finally:
        structlog.reset_defaults()
