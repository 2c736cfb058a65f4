"""Who may call what, as the running sidecars see it: every identity with every RPC of every workload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from mesh import policy_reading
from mesh.methods import IDENTITIES, SERVERS
from mesh.policy import Cell, Policy, matrix
from ops import envoy_admin
from ops.suite import Suite
from tests.harness.intruder import door, intruder

pytestmark = [pytest.mark.suite, pytest.mark.timeout(180)]

DENIED = "RBAC: access denied"
"""Envoy's own words: the application, which also denies, has others."""
SECONDS = 10.0
HEALTH_CHECKS = 20
"""Which the callers' sidecars go on making meanwhile."""
TO_THE_APPLICATION = "cluster.application.upstream_rq_total"


@pytest.fixture(scope="module")
def policy(suite: Suite) -> Policy:
    return policy_reading.load(suite.site.root / suite.site.policy)


@pytest.fixture(scope="module")
def doors(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("m")  # short: it holds sockets
    with intruder(suite, folder, tuple(IDENTITIES), SERVERS):
        yield folder


def is_denied(channel: grpc.Channel, cell: Cell) -> bool:
    """Whether the callee's sidecar refuses; an empty request that gets through, the application refuses."""
    call: Any = (channel.unary_stream if cell.method.streams else channel.unary_unary)(cell.method.path)
    try:
        answer = call(b"", timeout=SECONDS)
        if cell.method.streams:
            next(answer, None)
    except grpc.RpcError as error:
        assert error.code() is not grpc.StatusCode.UNAVAILABLE, error.details()
        return error.code() is grpc.StatusCode.PERMISSION_DENIED and DENIED in (error.details() or "")
    return False


def to_the_application(suite: Suite, workload: str) -> int:
    """How many calls its sidecar has passed on to an application."""
    return envoy_admin.counted(envoy_admin.of(suite.site, workload), TO_THE_APPLICATION)


@pytest.mark.parametrize("identity", IDENTITIES)
def test_an_identity_may_call_what_the_policy_says_and_nothing_else(
    policy: Policy, doors: Path, identity: str
) -> None:
    wrong = []
    for callee in SERVERS:
        options = [("grpc.default_authority", callee)]
        with grpc.insecure_channel(f"unix:{door(doors, identity)}", options) as channel:
            cells = [c for c in matrix(policy) if c.identity == identity and c.method.workload == callee]
            wrong += [cell for cell in cells if is_denied(channel, cell) is cell.allowed]
    assert wrong == []


def test_a_denied_call_never_reaches_the_application(suite: Suite, policy: Policy, doors: Path) -> None:
    """Of processor, whom nobody but payments and the operator calls."""
    nobody = [c for c in matrix(policy) if c.method.workload == "processor" and not c.allowed]
    assert len(nobody) > 50
    before = to_the_application(suite, "processor")
    for cell in nobody:
        options = [("grpc.default_authority", "processor")]
        with grpc.insecure_channel(f"unix:{door(doors, cell.identity)}", options) as channel:
            assert is_denied(channel, cell)
    assert to_the_application(suite, "processor") - before <= HEALTH_CHECKS
