"""W3C trace context: taken from the caller, put into every log line, passed on to every peer.

Without spans (`kit.spans`) there are only the ids: the SDK is not even imported. A trace that begins here is
then not recorded by anybody; whoever called first decides that, mostly a proxy.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from kit.spans import Spans

_propagator = TraceContextTextMapPropagator()
_NEW_FLAGS = trace.TraceFlags(trace.TraceFlags.DEFAULT)
_spans: Spans | None = None


def record(spans: Spans | None) -> None:
    """Make spans from now on, or none; called before a process builds its parts."""
    global _spans  # one a process, like the logger
    _spans = spans


def spans() -> Spans | None:
    """What makes this process's spans, if any are made."""
    return _spans


def _new_span() -> Context:
    """A context with fresh ids, for a request that brought none."""
    span = trace.SpanContext(
        secrets.randbits(128), secrets.randbits(64), is_remote=False, trace_flags=_NEW_FLAGS
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(span))


def context_of(traceparent: str) -> Context:
    """The context of a header; an empty one of none, or of one that is malformed."""
    return _propagator.extract({"traceparent": traceparent}, Context()) if traceparent else Context()


def accept(headers: Mapping[str, str]) -> None:
    """Continue the caller's trace in this task, or begin one."""
    traceparent = headers.get("traceparent")
    context = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    if context is None or not trace.get_current_span(context).get_span_context().is_valid:
        context = _new_span()
    otel_context.attach(context)


def begin() -> None:
    """Begin a trace for work that no request asked for, such as a sweeper's round."""
    otel_context.attach(_new_span())


def trace_id() -> str:
    """The current trace's id as 32 hex digits; all zeros outside a trace."""
    return format(trace.get_current_span().get_span_context().trace_id, "032x")


def traceparent() -> str:
    """The header to pass on; empty outside a trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")
