"""Limits of clients in a running suite: a change of the policy holds at once, and for nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import httpx
import pytest

from mesh.policy_lines import Lines
from ops import mesh_policy
from ops.suite import Suite
from tests.harness.customer import Customer

pytestmark = pytest.mark.suite

BURST = 5
ENOUGH = 200
"""Calls among which some are refused, unless each of them takes a second."""


@contextmanager
def limited(suite: Suite) -> Iterator[None]:
    """The policy with a limit that a loop reaches."""

    def few(text: str) -> str:
        lines = Lines(text)
        lines.set(("edge", "limits", "default"), {"per_second": "1", "burst": str(BURST)})
        return lines.text

    before = (suite.site.root / suite.site.policy).read_text()
    mesh_policy.edit(suite, few)
    try:
        yield
    finally:
        mesh_policy.edit(suite, lambda _: before)


def statuses(suite: Suite, customer: Customer, calls: int) -> list[int]:
    headers = {key: str(value) for key, value in customer.metadata}
    with httpx.Client(base_url=f"http://{suite.site.address('edge')}", headers=headers) as http:
        return [http.get("/api/v1/orders").status_code for _ in range(calls)]


def test_who_calls_too_often_is_refused_and_nobody_else_is(
    suite: Suite, customer: Customer, edge: grpc.Channel
) -> None:
    another = Customer.new(edge)
    with limited(suite):
        found = statuses(suite, customer, ENOUGH)
        assert found[:BURST] == [200] * BURST
        assert set(found) == {200, 429}
        assert statuses(suite, another, BURST) == [200] * BURST
    assert set(statuses(suite, customer, ENOUGH)) == {200}
