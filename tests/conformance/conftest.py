"""The service under test is known by its address only: ADDR, else the one of the suite that SUITE names.

The tests speak to it as the other services do, and take tokens from the suite that it belongs to. They
leave records that no order explains, so a suite that they were run against does not pass its audit.
"""

import os
from collections.abc import Callable, Iterator

import grpc
import pytest

from ops.suite import Suite


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--service-address", default=os.environ.get("ADDR", ""), help="host:port under test")


@pytest.fixture(scope="session")
def channel_to(request: pytest.FixtureRequest, suite: Suite) -> Iterator[Callable[[str], grpc.Channel]]:
    """A channel to a service by its name."""
    given: str = request.config.getoption("--service-address")
    channels: dict[str, grpc.Channel] = {}

    def dial(service: str) -> grpc.Channel:
        if service not in channels:
            channels[service] = grpc.insecure_channel(given or suite.address(service))
        return channels[service]

    yield dial
    for channel in channels.values():
        channel.close()
