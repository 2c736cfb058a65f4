"""Errors say what a caller may know, in google.rpc.Status, and nothing else."""

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from kit.errors import Problem, Violation, access_denied, to_status, unavailable

TRACE = "0af7651916cd43dd8448eb211c80319c"


class OutOfTea(Exception):
    """A domain error: it has the shape and imports nothing of the kit."""

    kind, reason = "refused", "OUT_OF_TEA"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.details = {"sku": "TEA-GREEN"}


def details(status: status_pb2.Status, kind: type[Message]) -> list[Message]:
    found = []
    for packed in status.details:
        message = kind()
        if packed.Unpack(message):
            found.append(message)
    return found


def test_a_domain_error_is_told_with_its_reason_and_details() -> None:
    status = to_status(OutOfTea("no tea left"), "shop", TRACE)
    (info,) = details(status, error_details_pb2.ErrorInfo)
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "OUT_OF_TEA",
        "shop.ordermesh",
        {"sku": "TEA-GREEN"},
    )
    assert status.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]
    assert len(details(status, error_details_pb2.PreconditionFailure)) == 1


def test_an_error_that_is_not_for_callers_shows_nothing_of_itself() -> None:
    status = to_status(RuntimeError("postgresql://orders:secret@db/orders"), "orders", TRACE)
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert "secret" not in str(status)
    assert "RuntimeError" not in str(status)


@pytest.mark.parametrize(
    ("problem", "extra"),
    [
        (unavailable("payments", "away"), error_details_pb2.RetryInfo),
        (Problem("conflict", "VERSION_CONFLICT", "again"), error_details_pb2.RetryInfo),
        (Problem("exhausted", "MESSAGE_TOO_LARGE", "too large"), error_details_pb2.QuotaFailure),
        (
            Problem("invalid", "VALIDATION_FAILED", "wrong", violations=[Violation("lines[0].sku", "bad")]),
            error_details_pb2.BadRequest,
        ),
    ],
)
def test_each_kind_has_its_standard_detail(problem: Problem, extra: type[Message]) -> None:
    status = to_status(problem, "orders", TRACE)
    assert len(details(status, extra)) == 1
    assert len(details(status, error_details_pb2.ErrorInfo)) == 1


class TooSweet(Exception):
    """A domain error about one field."""

    kind, reason, field = "invalid", "TOO_SWEET", "sugar"


def test_a_domain_error_about_a_field_names_it() -> None:
    (bad,) = details(to_status(TooSweet("two at most"), "shop", TRACE), error_details_pb2.BadRequest)
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [(v.field, v.description) for v in bad.field_violations] == [("sugar", "two at most")]


def test_every_error_carries_the_trace_id() -> None:
    (info,) = details(to_status(access_denied(), "orders", TRACE), error_details_pb2.RequestInfo)
    assert isinstance(info, error_details_pb2.RequestInfo)
    assert info.request_id == TRACE
