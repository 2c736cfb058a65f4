"""The files of a suite."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ops import plans, state, topology
from ops.errors import SuiteError
from ops.site import Instance, Site

PROGRAMS = ("POSTGRES_BIN", "JAVA", "KAFKA_JARS", "TEMPORAL", "ENVOY", "DBMATE")


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a `make up` in an empty checkout whose programs lie elsewhere."""
    monkeypatch.setattr(state, "ROOT", tmp_path)
    programs = {f"ORDERMESH_{name}": str(tmp_path) for name in PROGRAMS}
    for name, path in programs.items():
        monkeypatch.setenv(name, path)
    return programs | {"HOME": "/home/ada"}


def test_an_overridden_port_is_kept_for_the_next_start(environ: dict[str, str]) -> None:
    state.create_site("mine", environ | {"PORT_EDGE": "9090"})
    assert state.create_site("mine", environ).ports["edge"] == 9090


def test_passwords_are_made_once_and_differ(environ: dict[str, str]) -> None:
    first = state.create_site("mine", environ).passwords
    assert first == state.create_site("mine", environ).passwords
    assert len(set(first.values())) == len(first) == 3 + len(topology.SERVICES)


def test_payload_keys_are_kept_until_others_are_asked_for(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert state.create_site("mine", environ).payload_keys == ""
    first = state.create_site("mine", environ | {"PAYLOAD_KEYS": "generate"})
    assert first.payload_keys.startswith("k1:")
    assert state.create_site("mine", environ).payload_keys == first.payload_keys
    rotated = state.create_site("mine", environ | {"PAYLOAD_KEYS": "rotate"})
    assert rotated.payload_keys.endswith(f",{first.payload_keys}")
    assert state.load_site("mine").payload_keys == rotated.payload_keys
    assert "k1:" not in repr(rotated)


def test_a_refused_wish_for_keys_changes_nothing(environ: dict[str, str]) -> None:
    kept = state.create_site("mine", environ | {"PAYLOAD_KEYS": "generate"}).payload_keys
    with pytest.raises(SuiteError, match="PAYLOAD_KEYS: key 1"):
        state.create_site("mine", environ | {"PAYLOAD_KEYS": "tea"})
    assert state.create_site("mine", environ).payload_keys == kept


@pytest.mark.parametrize("name", ["suite.json", "secrets.json", "payload-keys.json"])
def test_only_the_owner_can_read_settings_and_secrets(environ: dict[str, str], name: str) -> None:
    path = state.create_site("mine", environ | {"PAYLOAD_KEYS": "generate"}).directory / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_wrong_port_is_named_at_once(environ: dict[str, str]) -> None:
    wrong = environ | {"PORT_EDGE": "70000", "PORT_KAFKA": "broker"}
    with pytest.raises(SuiteError, match=r"PORT_EDGE=70000, PORT_KAFKA=broker"):
        state.create_site("mine", wrong)


def test_two_parts_on_one_port_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(SuiteError, match="kafka, smtp"):
        state.create_site("mine", environ | {"PORT_KAFKA": "9090", "PORT_SMTP": "9090"})


@pytest.mark.parametrize("name", ["", "../up", "Main", "a" * 40])
def test_a_suite_name_cannot_leave_its_folder(name: str) -> None:
    with pytest.raises(SuiteError, match="lower-case"):
        state.directory_of(name)


def test_a_part_that_is_new_in_this_checkout_has_a_port_in_an_older_suite(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    made = state.create_site("mine", environ)
    path = made.directory / "suite.json"
    settings = json.loads(path.read_text())
    del settings["ports"]["orders"]
    path.write_text(json.dumps(settings))
    assert state.load_site("mine").ports == made.ports


def test_a_suite_that_never_ran_says_how_to_make_it(environ: dict[str, str]) -> None:
    with pytest.raises(SuiteError, match="make up SUITE=mine"):
        state.load_site("mine")


def test_a_missing_program_is_named_with_its_variable(environ: dict[str, str]) -> None:
    with pytest.raises(SuiteError, match="ORDERMESH_ENVOY"):
        state.create_site("mine", environ | {"ORDERMESH_ENVOY": "/nowhere/envoy"})


def test_a_part_sees_certificates_of_the_caller_and_none_of_the_rest(site: Site) -> None:
    caller = {"SSL_CERT_FILE": "/etc/ca.pem", "AWS_SECRET_ACCESS_KEY": "hush", "HOME": "/home/ada"}
    environment = plans.base_environment(site, caller)
    assert environment["SSL_CERT_FILE"] == "/etc/ca.pem"
    assert environment["HOME"] == "/home/ada"
    assert "AWS_SECRET_ACCESS_KEY" not in environment


def test_a_plan_holds_the_whole_environment_and_is_private(site: Site) -> None:
    orders = topology.workload(site, Instance("orders", "orders"))
    plans.write_plans(site, [orders])
    path = site.directory / "env" / "orders.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    plan = json.loads(path.read_text())
    assert plan["command"] == list(orders.command)
    assert plan["environment"]["ORDERS_LISTEN"] == site.application("orders")


def test_the_mesh_is_on_unless_it_is_told_off(environ: dict[str, str]) -> None:
    assert state.create_site("mine", environ).mesh
    assert not state.create_site("mine", environ | {"MESH": "off"}).mesh
    assert not state.load_site("mine").mesh
    assert not state.create_site("mine", environ, runs=True).mesh  # keeps what it has
    assert state.create_site("mine", environ).mesh
    with pytest.raises(SuiteError, match="MESH=maybe"):
        state.create_site("mine", environ | {"MESH": "maybe"})


def test_where_spans_go_is_remembered_until_it_is_told_off(environ: dict[str, str]) -> None:
    assert state.create_site("mine", environ | {"OTLP": "localhost:4317"}).otlp == "localhost:4317"
    assert state.load_site("mine").otlp == "localhost:4317"
    assert state.create_site("mine", environ).spans("ORDERS") == {"ORDERS_OTLP_ENDPOINT": "localhost:4317"}
    assert state.create_site("mine", environ | {"OTLP": "off"}).spans("ORDERS") == {}
    with pytest.raises(SuiteError, match="OTLP=https"):
        state.create_site("mine", environ | {"OTLP": "https://x"})


def test_instances_are_remembered_with_their_ports_and_not_without_the_mesh(environ: dict[str, str]) -> None:
    site = state.create_site("mine", environ)
    second = Instance("orders-2", "orders", "v2")
    state.save_scaled(replace(site, scaled=(second,), ports={**site.ports, "orders-2": 40002}))
    again = state.load_site("mine")
    assert (again.scaled, again.ports["orders-2"]) == ((second,), 40002)
    assert state.create_site("mine", environ | {"MESH": "off"}).scaled == ()
