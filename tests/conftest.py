"""The suite under test is the one that SUITE names; `make test` starts it."""

import os
from collections.abc import Iterator

import grpc
import pytest

from ops import client
from ops.suite import Suite
from tests.harness.customer import Customer


@pytest.fixture(scope="session")
def suite() -> Suite:
    """The running suite under test."""
    running = Suite.load(os.environ.get("SUITE", "test"))
    running.require_running()
    return running


@pytest.fixture(scope="session")
def edge(suite: Suite) -> Iterator[grpc.Channel]:
    """A channel to the public entry."""
    with client.edge(suite) as channel:
        yield channel


@pytest.fixture(scope="session")
def operator(suite: Suite) -> Iterator[grpc.Channel]:
    """A channel to the operator's entry."""
    with client.operator(suite) as channel:
        yield channel


@pytest.fixture(scope="session")
def olga(edge: grpc.Channel) -> client.Metadata:
    """The operator's credentials."""
    return client.bearer(client.sign_in(edge, "olga"))


@pytest.fixture
def customer(edge: grpc.Channel) -> Customer:
    """A new customer, without orders."""
    return Customer.new(edge)
