"""Structured logs: one JSON object a line on standard output, each with service and trace id.

Nothing is logged for a success: the hot path stays silent.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from kit import telemetry

_DETAIL = re.compile(r"DETAIL:.*")


def configure(service: str, level: str) -> None:
    """Set logging up for the whole process, including libraries that use the standard module."""
    logging.basicConfig(format="%(message)s", stream=sys.stdout, level=logging.WARNING)

    def add_context(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        event["trace_id"] = telemetry.trace_id()
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_context,
            structlog.processors.format_exc_info,
            without_rows,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )


def without_rows(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """PostgreSQL quotes the whole row in the detail of an error, and a row may hold a payment token."""
    if "exception" in event:
        event["exception"] = _DETAIL.sub("DETAIL: ***", event["exception"])
    return event


def log() -> Any:
    """The process's logger: `log().warning("event_name", key=value)`."""
    return structlog.get_logger()
