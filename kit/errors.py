"""What a caller is told when something is refused or fails: google.rpc.Status with one ErrorInfo.

An error that a caller may see is any exception with a `reason` (UPPER_SNAKE, stable) and a `kind`
(a key of `CODES`); `details` adds metadata, `field` names the field of the request that is wrong. Domain
errors have this shape without importing this module, for a domain imports the standard library only.
Everything else is INTERNAL, without a text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

PROJECT = "ordermesh"

CODES: Mapping[str, grpc.StatusCode] = {
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "denied": grpc.StatusCode.PERMISSION_DENIED,
    "missing": grpc.StatusCode.NOT_FOUND,
    "refused": grpc.StatusCode.FAILED_PRECONDITION,
    "conflict": grpc.StatusCode.ABORTED,
    "exhausted": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "unimplemented": grpc.StatusCode.UNIMPLEMENTED,
    "too_late": grpc.StatusCode.DEADLINE_EXCEEDED,
    "internal": grpc.StatusCode.INTERNAL,
}
RETRY_AFTER_SECONDS = 1


@runtime_checkable
class CallerVisible(Protocol):
    """The shape of an error that a caller may see."""

    kind: str
    reason: str


@dataclass(frozen=True)
class Violation:
    """One field that breaks a rule: its path in the request and what to change."""

    field: str
    description: str


class Problem(Exception):
    """An error of the plumbing itself, in the same shape as a domain error."""

    def __init__(
        self,
        kind: str,
        reason: str,
        message: str,
        details: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.reason = reason
        self.details = dict(details or {})
        self.violations = tuple(violations)


def unavailable(dependency: str, message: str) -> Problem:
    """Something we depend on does not answer; the caller may try again."""
    return Problem("unavailable", "DEPENDENCY_UNAVAILABLE", message, {"dependency": dependency})


def access_denied() -> Problem:
    """Unknown and foreign things look the same (AIP-211)."""
    return Problem("denied", "ACCESS_DENIED", "no such thing, or it is not yours")


def illegal_transition(state: str) -> Problem:
    """An event that must never come in this state: it has no effect and is set aside."""
    said = f"the event cannot follow in the state {state}"
    return Problem("refused", "ILLEGAL_TRANSITION", said, {"state": state})


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo | None:
    """The ErrorInfo of an error that a call has raised; None if it has none, as gRPC's own errors."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status else ():
        if detail.Unpack(info):
            return info
    return None


def field_violations(error: grpc.RpcError) -> Sequence[Violation]:
    """The fields of our request that an error that a call has raised finds wrong."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    bad = error_details_pb2.BadRequest()
    for detail in status.details if status else ():
        if detail.Unpack(bad):
            return tuple(Violation(found.field, found.description) for found in bad.field_violations)
    return ()


def to_status(error: BaseException, service: str, trace_id: str) -> status_pb2.Status:
    """Say an error on the wire; one that is not meant for callers becomes INTERNAL without its text."""
    if not isinstance(error, CallerVisible):
        error = Problem("internal", "INTERNAL", "internal error; the log has it under the trace id")
    code = CODES[error.kind]
    status = status_pb2.Status(code=code.value[0], message=str(error))
    metadata: Mapping[str, str] = getattr(error, "details", {})
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=f"{service}.{PROJECT}", metadata=metadata)
    for detail in (info, *_extra_details(error), error_details_pb2.RequestInfo(request_id=trace_id)):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _extra_details(error: CallerVisible) -> list[Any]:
    """The standard details beside ErrorInfo that the kind of error calls for."""
    violations: Sequence[Violation] = getattr(error, "violations", ())
    if field := getattr(error, "field", ""):
        violations = (Violation(field, str(error)),)
    metadata: Mapping[str, str] = getattr(error, "details", {})
    if violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in violations
        ]
        return [error_details_pb2.BadRequest(field_violations=fields)]
    if error.kind == "refused":
        subject = ", ".join(f"{key}={value}" for key, value in metadata.items())
        violation = error_details_pb2.PreconditionFailure.Violation(
            type=error.reason, subject=subject, description=str(error)
        )
        return [error_details_pb2.PreconditionFailure(violations=[violation])]
    if error.kind == "exhausted":
        quota = error_details_pb2.QuotaFailure.Violation(subject=error.reason, description=str(error))
        return [error_details_pb2.QuotaFailure(violations=[quota])]
    if error.kind in ("unavailable", "conflict"):
        delay = duration_pb2.Duration(seconds=RETRY_AFTER_SECONDS)
        return [error_details_pb2.RetryInfo(retry_delay=delay)]
    return []
