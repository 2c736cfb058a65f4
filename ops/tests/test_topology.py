"""The parts and their ports."""

from __future__ import annotations

from ops import topology
from ops.site import Site


def test_two_suites_share_no_port() -> None:
    main, test = topology.assign_ports("main"), topology.assign_ports("test")
    assert set(main.values()).isdisjoint(test.values())


def test_no_two_ports_of_a_suite_are_the_same() -> None:
    for suite in ("main", "test", "mine"):
        ports = topology.assign_ports(suite)
        assert len(set(ports.values())) == len(ports)


def test_a_suite_gets_the_same_ports_each_time() -> None:
    assert topology.assign_ports("mine") == topology.assign_ports("mine")


def test_an_override_moves_one_port_and_no_other() -> None:
    moved = topology.assign_ports("main", {"edge": 9090})
    assert moved["edge"] == 9090
    assert {name: port for name, port in moved.items() if name != "edge"} == {
        name: port for name, port in topology.assign_ports("main").items() if name != "edge"
    }


def test_every_port_belongs_to_exactly_one_part_or_to_supervisor(site: Site) -> None:
    used = [name for part in topology.all_parts(site) for name in part.ports]
    assert sorted([*used, "supervisor"]) == sorted(topology.DEFAULT_PORTS)


def test_a_part_needs_only_parts_that_exist(site: Site) -> None:
    parts = topology.all_parts(site)
    names = {part.name for part in parts}
    assert all(set(part.needs) <= names for part in parts)


def test_no_command_line_holds_a_password(site: Site) -> None:
    for part in topology.all_parts(site):
        assert not [word for word in part.command if "password-of-" in word]


def test_a_service_is_told_its_peers_and_nothing_else(site: Site) -> None:
    environment = topology.service_environment(site, "orders")
    assert set(environment) == {
        "ORDERS_LISTEN",
        "ORDERS_DATABASE_URL",
        "ORDERS_PROFILE",
        "ORDERS_USERS_ADDRESS",
        "ORDERS_PRODUCTS_ADDRESS",
        "ORDERS_INVENTORY_ADDRESS",
        "ORDERS_PAYMENTS_ADDRESS",
        "ORDERS_NOTIFICATIONS_ADDRESS",
        "ORDERS_KAFKA_ADDRESS",
    }
    assert environment["ORDERS_INVENTORY_ADDRESS"] == site.address("inventory")
    assert environment["ORDERS_DATABASE_URL"].endswith("/orders")


def test_postgres_keeps_its_shutdown_from_its_children(site: Site) -> None:
    postgres = next(part for part in topology.all_parts(site) if part.name == "postgres")
    assert postgres.stop_signal == "INT"
    assert not postgres.signals_group
