"""What a refused call says on the wire: its status, its one reason, the fields it complains about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

STATUS_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True)
class Refusal:
    """One error, as a client in any language sees it; `infos` counts its ErrorInfo."""

    code: str
    message: str
    reason: str
    domain: str
    metadata: dict[str, str]
    fields: tuple[str, ...]
    infos: int
    kinds: tuple[str, ...]

    @property
    def short(self) -> tuple[str, str]:
        """Code and reason, which most tests are about."""
        return self.code, self.reason


def read(error: grpc.RpcError) -> Refusal:
    """Unpack an error's google.rpc.Status."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    details = list(status.details) if status else []
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    infos = sum(detail.Unpack(info) for detail in details)
    for detail in details:
        detail.Unpack(bad)
    return Refusal(
        code=error.code().name,
        message=error.details() or "",
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        fields=tuple(violation.field for violation in bad.field_violations),
        infos=infos,
        kinds=tuple(detail.type_url.rsplit(".", 1)[-1] for detail in details),
    )


def refused(call: Callable[[], object]) -> Refusal:
    """Make a call that must fail, and say how it did."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return read(caught.value)
