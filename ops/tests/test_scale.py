"""The names, parts and files of further instances."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest
import yaml

from ops import bootstraps, scale, storage, topology
from ops.site import Instance, Site


@pytest.fixture
def scaled(site: Site) -> Site:
    """A site with a second and a fourth instance of inventory."""
    more = (Instance("inventory-2", "inventory", "v2"), Instance("inventory-4", "inventory"))
    ports = {**site.ports, "inventory-2": 40002, "inventory-4": 40004}
    return replace(site, scaled=more, ports=ports)


def test_names_that_are_free_come_in_order(scaled: Site) -> None:
    assert list(scale.new_names(scaled, "inventory"))[:2] == ["inventory-3", "inventory-5"]
    assert next(scale.new_names(scaled, "orders")) == "orders-2"


def test_a_further_instance_has_its_own_sockets_and_sidecar_and_the_database_of_its_service(
    scaled: Site,
) -> None:
    parts = {part.name: part for part in topology.all_parts(scaled)}
    second = parts["inventory-2"]
    assert second.environment["INVENTORY_LISTEN"] == scaled.application("inventory-2")
    assert second.environment["INVENTORY_DATABASE_URL"] == scaled.database_url("inventory")
    assert (second.database, second.ports) == ("inventory", ())
    assert "inventory" in second.needs  # which has migrated then
    assert parts["inventory-2-sidecar"].ports == ("inventory-2",)


def test_a_sidecar_says_which_version_is_beside_it(scaled: Site) -> None:
    (second,) = (one for one in scaled.instances("inventory") if one.name == "inventory-2")
    node = yaml.safe_load(bootstraps.sidecar(scaled, second, "secret"))["node"]
    assert (node["id"], node["cluster"]) == ("inventory-2", "inventory")
    assert (node["metadata"]["version"], node["metadata"]["port"]) == ("v2", 40002)


def test_nobody_calls_the_worker(site: Site) -> None:
    node = yaml.safe_load(bootstraps.sidecar(site, Instance("worker", "worker"), "secret"))["node"]
    assert (node["metadata"]["port"], node["metadata"]["application"]) == (0, "")


def test_a_credential_is_in_files_of_the_owner_only(scaled: Site) -> None:
    for part in ("edge", "inventory-2-sidecar"):
        storage.prepare(scaled, part)
    run = scaled.directory / "run"
    secret = (run / "inventory-2.token").read_text()
    assert secret in (run / "inventory-2-sidecar.yaml").read_text()
    for name in ("inventory-2.token", "inventory-2-sidecar.yaml", "edge.token", "edge.yaml"):
        assert stat.S_IMODE((run / name).stat().st_mode) == 0o600
    storage.prepare(scaled, "inventory-2-sidecar")
    assert (run / "inventory-2.token").read_text() == secret


def test_a_free_port_is_nobody_elses(scaled: Site) -> None:
    assert scale.free_port(scaled) not in scaled.ports.values()
