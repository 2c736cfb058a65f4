"""What the protos say: who serves what, and to whom it is open."""

import re
from collections import Counter
from pathlib import Path

import pytest

from mesh.entries import entry_routes
from mesh.methods import (
    BY_WORKLOAD,
    EVENT_PARTS,
    EVENTS,
    HEALTH,
    IDENTITIES,
    METHODS,
    PAGES,
    PUBLIC,
    SERVE,
    SERVERS,
    Access,
    Idempotency,
    Method,
    Role,
    open_to,
)
from mesh.policy_reading import parse
from mesh.tests.texts import TEXT

ROOT = Path(__file__).parents[2]


def wirings() -> dict[str, str]:
    """The text of each wiring of a service or front, by workload: what is started has a `__main__.py`."""
    mains = [*(ROOT / "services").rglob("__main__.py"), *(ROOT / "bff").rglob("__main__.py")]
    wirings = {path.parent.name: path.with_name("wiring.py") for path in mains}
    return {name: path.read_text() for name, path in wirings.items() if path.is_file()}


def test_a_workload_serves_what_its_wiring_registers() -> None:
    for workload, text in wirings().items():
        registered = set(re.findall(r'"(ordermesh\.[a-z.0-9]+\.[A-Za-z]+)": ', text))
        events = {EVENTS} if "Eventing(" in text else set()
        ours = {method.service for method in BY_WORKLOAD[workload].values()}
        assert ours == registered | events | {HEALTH}, workload
    assert set(SERVERS) == {*wirings(), *PAGES}


def test_what_speaks_http_serves_all_below_its_path_to_the_edge_and_to_nobody_else() -> None:
    for workload, prefix in PAGES.items():
        serve = BY_WORKLOAD[workload][SERVE]
        assert (serve.path, serve.streams, serve.repeatable) == (prefix, True, False)
        assert prefix.startswith("/") and prefix.endswith("/")
        assert [name for name in IDENTITIES if open_to(name, serve)] == ["edge"]


def test_events_are_served_by_those_that_have_any() -> None:
    assert set(EVENT_PARTS) == {name for name, text in wirings().items() if "Eventing(" in text}


def test_a_name_stands_for_one_method_of_a_workload() -> None:
    counted = Counter((method.workload, method.name) for method in METHODS)
    assert max(counted.values()) == 1


def test_every_server_has_an_identity() -> None:
    assert set(SERVERS) <= set(IDENTITIES)


def test_every_method_declares_who_may_call_it() -> None:
    assert not [method.path for method in METHODS if method.access is Access.UNSPECIFIED]


def test_only_placing_an_order_may_not_be_repeated() -> None:
    """Another method on this list is a decision: without `idempotency_level` the mesh does not repeat it."""
    assert {method.name for method in METHODS if not method.repeatable} == {SERVE, "PlaceOrder"}


def test_only_watching_streams() -> None:
    assert {method.name for method in METHODS if method.streams} == {"WatchOrder", "Watch", SERVE}


def test_the_public_services_are_those_that_the_edge_routes() -> None:
    (host,) = entry_routes("edge", parse(TEXT)).virtual_hosts
    routed = {
        route.match.path.split("/")[1] for route in host.routes if route.route.cluster and route.match.path
    }
    assert routed == PUBLIC


def method(access: Access, service: str = "ordermesh.orders.v1.OrdersService") -> Method:
    return Method("orders", service, "DoIt", access, Idempotency.UNKNOWN, streams=False)


OPEN = {
    Role.SERVICE: {Access.ANYONE, Access.WORKLOAD},
    Role.BFF: {Access.ANYONE, Access.USER},
    Role.EDGE: {Access.ANYONE, Access.USER},
    Role.OPERATOR: {Access.ANYONE, Access.USER, Access.OPERATOR, Access.WORKLOAD},
}


@pytest.mark.parametrize("access", list(Access))
@pytest.mark.parametrize("identity", list(IDENTITIES))
def test_a_method_is_open_to_the_callers_that_can_show_what_it_wants(identity: str, access: Access) -> None:
    assert open_to(identity, method(access)) is (access in OPEN[IDENTITIES[identity]])


def test_the_edge_reaches_no_internal_service_whatever_its_methods_want() -> None:
    assert not open_to("edge", method(Access.ANYONE, "ordermesh.payments.v1.PaymentsService"))


@pytest.mark.parametrize("identity", list(IDENTITIES))
def test_health_is_open_to_everybody(identity: str) -> None:
    assert all(open_to(identity, method) for method in METHODS if method.is_health)
