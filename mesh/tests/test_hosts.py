"""Nodes that say where they are by a name."""

from __future__ import annotations

import pytest

from kit.errors import Problem
from mesh.hosts import located
from mesh.proxies import Node


async def test_the_name_of_a_host_becomes_its_address() -> None:
    assert (await located(Node("orders-1", "orders", "localhost", 15053))).address == "127.0.0.1:15053"


@pytest.mark.parametrize("node", [Node("a", "orders", "10.1.2.3", 1), Node("b", "worker", "worker", 0)])
async def test_an_address_stays_as_it_is_and_so_does_who_is_not_called(node: Node) -> None:
    assert await located(node) is node


async def test_a_name_that_nobody_knows_is_refused_so_that_the_proxy_asks_again() -> None:
    with pytest.raises(Problem) as refused:
        await located(Node("orders-1", "orders", "no-such-host.invalid", 15053))
    assert (refused.value.kind, refused.value.reason) == ("unavailable", "HOST_UNKNOWN")
