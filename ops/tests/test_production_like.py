"""What is read over compose.yaml for Temporal as in production, and what is laid for it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from ops import programs, servers, state
from ops.compose import document, images, services, site, temporal, temporal_plan
from ops.site import Site

WHERE = site.described(site.seconds())


class Loader(yaml.SafeLoader):
    """Reads compose's own words, too."""


def _override(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor("!override", _override)
FILE: dict[str, Any] = yaml.load(document.PRODUCTION_LIKE.read_text(), Loader)  # noqa: S506 - a safe one
BASE: dict[str, Any] = yaml.safe_load(document.PATH.read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
NEW = sorted(set(SERVICES) - set(BASE["services"]) | {temporal.SERVER})


@pytest.fixture
def with_passwords(tmp_path: Path) -> Site:
    secrets = {**WHERE.passwords, "temporal": "steeped"}
    return replace(WHERE, root=tmp_path, passwords=secrets)


def waits(service: str) -> dict[str, str]:
    return {name: one["condition"] for name, one in SERVICES[service]["depends_on"].items()}


def test_it_follows_the_compose_specification() -> None:
    schema = json.loads((state.ROOT / "deploy" / "schema" / "compose-spec.json").read_text())
    jsonschema_rs.validator_for(schema).validate(FILE)


def test_the_schema_is_there_before_the_server_and_the_namespace_before_its_search_attributes() -> None:
    assert waits(temporal.SCHEMA) == {services.DATABASES: services.DONE}
    assert waits(temporal.SERVER) == {temporal.SCHEMA: services.DONE}
    assert waits(temporal.NAMESPACE) == {temporal.SERVER: services.HEALTHY}
    assert waits(services.ATTRIBUTES) == {temporal.NAMESPACE: services.DONE}


@pytest.mark.parametrize("name", NEW)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-file"]
    assert service["user"].split(":")[0] not in ("0", "root")


def test_server_and_ui_are_where_the_dev_server_is() -> None:
    for name in (temporal.SERVER, temporal.UI):
        assert SERVICES[name]["network_mode"] == f"service:{temporal.POD}"
    pod = SERVICES[temporal.POD]
    assert pod["networks"]["default"]["aliases"] == [temporal.SERVER]
    assert pod["ports"] == BASE["services"][temporal.SERVER]["ports"]


def test_only_who_prepares_and_temporal_see_what_is_laid_for_it() -> None:
    seeing = {name for name, one in SERVICES.items() if "plan-temporal" in str(one.get("volumes"))}
    assert seeing == {services.SETUP, temporal.SCHEMA, temporal.SERVER}
    assert "plan-temporal" not in document.PATH.read_text()


def test_no_secret_stands_in_the_file(with_passwords: Site) -> None:
    secret = replace(with_passwords, root=WHERE.root)
    assert document.production_like(secret) == document.PRODUCTION_LIKE.read_text()


def test_what_is_laid_is_its_owners_only_and_says_the_ports_of_the_suite(with_passwords: Site) -> None:
    home = with_passwords.prepared("temporal", "run")
    home.mkdir(parents=True)
    temporal_plan.prepare(with_passwords)
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
    laid = yaml.safe_load((home / temporal_plan.CONFIGURATION).read_text())
    assert laid["services"]["frontend"]["rpc"]["grpcPort"] == WHERE.ports["temporal"]
    for name in temporal_plan.databases():
        store = laid["persistence"]["datastores"][name]["sql"]
        assert (store["databaseName"], store["password"]) == (name, "steeped")
        assert store["connectAddr"] == f"postgres:{WHERE.ports['postgres']}"


def test_the_server_has_the_settings_of_the_dev_server() -> None:
    said = {f"{name}={json.dumps(row['value'])}" for name, (row,) in temporal_plan.dynamic().items()}
    assert said == set(servers.TEMPORAL_DYNAMIC)


def test_images_are_what_the_native_dev_server_has_in_it() -> None:
    program = programs.find(state.ROOT, os.environ).temporal
    said = subprocess.run((program, "--version"), capture_output=True, text=True, check=True).stdout
    tags = [
        image.partition(":")[2] for image in (images.TEMPORAL, images.TEMPORAL_SERVER, images.TEMPORAL_UI)
    ]
    assert said.strip() == "temporal version {} (Server {}, UI {})".format(*tags)
    assert images.TEMPORAL_ADMIN_TOOLS.partition(":")[2] == tags[1]
