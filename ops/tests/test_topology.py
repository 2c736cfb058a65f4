"""The parts and their ports."""

from __future__ import annotations

from dataclasses import replace

from ops import mesh_parts, topology
from ops.site import Instance, Site


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


def test_every_port_belongs_to_exactly_one_part_or_to_supervisor(encrypting: Site) -> None:
    straight = replace(encrypting, mesh=False)
    used = [name for part in topology.all_parts(straight) for name in part.ports]
    assert sorted([*used, "supervisor"]) == sorted(topology.DEFAULT_PORTS)


def test_in_the_mesh_a_service_s_port_is_its_sidecar_s(encrypting: Site) -> None:
    used = [name for part in topology.all_parts(encrypting) for name in part.ports]
    # nobody calls the worker
    assert sorted([*used, "supervisor", "worker"]) == sorted(topology.DEFAULT_PORTS)
    parts = {part.name: part for part in topology.all_parts(encrypting)}
    for name in topology.WORKLOADS:
        assert (parts[name].ports, parts[f"{name}-sidecar"].ports) == ((), (name,))


def test_in_the_mesh_every_peer_is_called_by_the_instance_s_own_sidecar(site: Site) -> None:
    second = Instance("orders-2", "orders")
    environment = topology.environment_of(site, second)
    egress = f"unix:{site.socket('orders-2', 'egress')}"
    peers = {name: value for name, value in environment.items() if value.startswith("unix:")}
    assert peers.pop("ORDERS_LISTEN") == f"unix:{site.socket('orders-2', 'app')}"
    assert set(peers.values()) == {egress}
    assert {name.split("_")[1].lower() for name in peers} == set(
        topology.SERVICES["orders"]
    ) - topology.DIRECT


def test_every_service_every_front_and_the_worker_has_a_sidecar(site: Site) -> None:
    names = {part.name for part in topology.all_parts(site)}
    assert {mesh_parts.beside(name) for name in (*topology.WORKLOADS, "worker")} <= names


def test_without_the_mesh_there_is_nothing_of_it(site: Site) -> None:
    straight = replace(site, mesh=False)
    assert mesh_parts.members(straight, topology.with_sidecars(straight)) == ()
    named = {part.name for part in topology.all_parts(straight)}
    assert not named & {part.name for part in mesh_parts.members(site, topology.with_sidecars(site))}


def test_a_part_needs_only_parts_that_exist(site: Site) -> None:
    parts = topology.all_parts(site)
    names = {part.name for part in parts}
    assert all(set(part.needs) <= names for part in parts)


def test_no_command_line_holds_a_secret(encrypting: Site) -> None:
    for part in topology.all_parts(encrypting):
        assert not [
            word for word in part.command if "password-of-" in word or encrypting.payload_keys in word
        ]


def test_without_keys_nothing_speaks_of_a_codec(site: Site) -> None:
    parts = {part.name: part for part in topology.all_parts(site)}
    assert "codec" not in parts
    assert "--ui-codec-endpoint" not in parts["temporal"].command
    assert site.payload_environment("ORDERS") == {}


def test_with_keys_the_ui_is_told_where_to_decrypt(encrypting: Site) -> None:
    parts = {part.name: part for part in topology.all_parts(encrypting)}
    command = parts["temporal"].command
    assert command[command.index("--ui-codec-endpoint") + 1] == f"http://{encrypting.address('codec')}"
    assert parts["codec"].environment["CODEC_PAYLOAD_KEYS"] == encrypting.payload_keys
    assert (
        f"http://localhost:{encrypting.ports['temporal_ui']}"
        in parts["codec"].environment["CODEC_UI_ORIGINS"]
    )
    expected = {"ORDERS_PAYLOAD_KEYS": encrypting.payload_keys}
    assert encrypting.payload_environment("ORDERS") == expected


def test_a_service_is_told_its_peers_and_nothing_else(site: Site) -> None:
    environment = topology.environment_of(replace(site, mesh=False), Instance("orders", "orders"))
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
        "ORDERS_TEMPORAL_ADDRESS",
        "ORDERS_TEMPORAL_UI",
    }
    assert environment["ORDERS_INVENTORY_ADDRESS"] == site.address("inventory")
    assert environment["ORDERS_DATABASE_URL"].endswith("/orders")


def test_a_front_keeps_nothing_and_needs_nobody(site: Site) -> None:
    parts = {part.name: part for part in topology.all_parts(site)}
    for name in topology.FRONTS:
        assert (parts[name].database, parts[name].needs) == (None, ())
        assert not [variable for variable in parts[name].environment if "DATABASE" in variable]


def test_postgres_keeps_its_shutdown_from_its_children(site: Site) -> None:
    postgres = next(part for part in topology.all_parts(site) if part.name == "postgres")
    assert postgres.stop_signal == "INT"
    assert not postgres.signals_group
