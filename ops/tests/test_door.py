"""What the doors call where RUNTIME=compose, by programs of our own in the place of docker."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.compose import door, engines
from ops.errors import SuiteError

DOCKER = """\
#!/bin/sh
case "$*" in
  "compose version --short") echo "${FAKE_COMPOSE:-2.40.3}" ;;
  version*) [ -z "$FAKE_DOWN" ] || { echo "cannot connect" >&2; exit 1; }; echo 28.0.0 ;;
  *) echo "$PORT_EDGE $*" >> "$FAKE_LOG" ;;
esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A docker that writes down what it is called with, and a socket where its engine would be."""
    program, log = tmp_path / "docker", tmp_path / "calls"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setattr(door, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_LOG", str(log))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine")
    monkeypatch.setenv("MAKEFLAGS", "s -- MODE=sync RUNTIME=compose")
    for name in ("MESH", "PAYLOAD_KEYS", "VERSIONED", "TEMPORAL", "S", "N"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(f"{tmp_path}/engine")
        yield log


def made(suite: str) -> door.Door:
    return door.Door(suite, os.environ)


def test_up_is_remembered_and_starts_all_then_waits_in_a_container(calls: Path) -> None:
    assert made("main").up() == 0
    assert (calls.parent / "var/suites/main/runtime").read_text() == "compose\n"
    up, authority, ready = calls.read_text().splitlines()
    assert authority.endswith("cat var/suites/main/tls/ca.crt")
    assert up == "8080 compose --project-name ordermesh-main up --detach --build --remove-orphans"
    assert " run --rm --no-deps " in ready
    assert ready.endswith("ops var/venv/app/bin/python -m ops.compose.ready")


def test_another_suite_is_another_project_at_other_ports(calls: Path) -> None:
    assert made("second").down() == 0
    port, *words = calls.read_text().split()
    assert port != "8080"
    assert words[:3] == ["compose", "--project-name", "ordermesh-second"]


def test_a_command_gets_what_was_given_to_make_and_the_engine_s_socket(calls: Path) -> None:
    assert made("main").command(["demo"]) == 0
    said = calls.read_text()
    assert " --env MODE " in said
    assert "RUNTIME" not in said
    assert f" --volume {calls.parent}/engine:/var/run/docker.sock " in said
    assert said.rstrip().endswith("ops var/venv/app/bin/python -m ops.cli demo")


def test_the_containers_of_a_second_instance_are_made_before_it_is_started(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S", "inventory")
    monkeypatch.setenv("N", "2")
    assert made("main").command(["scale"]) == 0
    first, second = calls.read_text().splitlines()
    assert first.endswith("--no-start --no-recreate inventory-2-pod inventory-2 inventory-2-sidecar")
    assert second.endswith("-m ops.cli scale")


def test_reset_removes_volumes_and_forgets(calls: Path) -> None:
    made("main").up()
    assert made("main").reset() == 0
    assert calls.read_text().splitlines()[-1].endswith("down --remove-orphans --volumes")
    assert not (calls.parent / "var/suites/main").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("MESH", "off"), ("PAYLOAD_KEYS", "generate"), ("VERSIONED", "1")]
)
def test_what_only_the_native_suite_can_is_refused(
    calls: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SuiteError, match=f"{name}={value}: only natively"):
        made("main").up()
    assert not calls.exists()


def test_temporal_as_in_production_is_read_over_compose_yaml_until_reset(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL", "production-like")
    assert made("main").up() == 0
    monkeypatch.delenv("TEMPORAL")
    assert made("main").command(["demo"]) == 0
    files = "--file compose.yaml --file deploy/production-like.yaml"
    assert all(
        f" compose --project-name ordermesh-main {files} " in line for line in calls.read_text().splitlines()
    )
    made("main").reset()
    assert made("main").up() == 0
    assert files not in calls.read_text().splitlines()[-1]


def test_a_suite_that_has_workflows_keeps_its_temporal(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made("main").up() == 0
    monkeypatch.setenv("TEMPORAL", "production-like")
    with pytest.raises(SuiteError, match=r"began with Temporal's dev server.*`make reset` first"):
        made("main").up()
    monkeypatch.setenv("TEMPORAL", "cloud")
    with pytest.raises(SuiteError, match="TEMPORAL=cloud: it is production-like, or left out"):
        made("second").up()
    assert not (calls.parent / "var/suites/second").exists()


def test_a_plug_in_that_is_too_old_is_said(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_COMPOSE", "2.17.2-desktop.1")
    with pytest.raises(SuiteError, match=r"2\.17\.2-desktop\.1 is too old: update the plug-in to 2\.24"):
        engines.check()


def test_an_engine_that_does_not_answer_is_said_with_the_way_out(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_DOWN", "1")
    assert not engines.answers()
    with pytest.raises(SuiteError, match=r"no container engine answers.*\n.*leave out RUNTIME=compose"):
        engines.check()


def test_a_machine_without_docker_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SuiteError, match="docker is not installed: install Docker Engine"):
        engines.check()


def test_an_engine_on_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    with pytest.raises(SuiteError, match="it must be on this machine"):
        engines.socket()


def test_the_group_of_an_engine_without_root_is_the_first_in_its_containers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/1000/podman/podman.sock")
    assert engines.socket() == ("/run/user/1000/podman/podman.sock", 0)


def test_without_docker_host_the_engine_is_that_of_the_context(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"unix://{calls.parent}/engine"
    said = json.dumps([{"Endpoints": {"docker": {"Host": here}}}])
    (calls.parent / "docker").write_text(f"#!/bin/sh\necho '{said}'\n")
    monkeypatch.delenv("DOCKER_HOST")
    assert engines.socket()[0] == f"{calls.parent}/engine"
