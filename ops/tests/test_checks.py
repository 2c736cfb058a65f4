"""What would keep a suite from starting is said with the way out."""

from __future__ import annotations

import os
import socket

import pytest

from ops import checks
from ops.site import Site


def test_a_busy_port_names_the_part_the_process_and_the_way_out(site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.ports["edge"])):
        (problem,) = checks.port_problems(site, ["edge", "kafka"])
    assert f"port {site.ports['edge']} (edge) is taken by process {os.getpid()}" in problem.what
    assert "PORT_EDGE=" in problem.way_out
    assert "SUITE=" in problem.way_out


def test_a_port_that_was_just_given_up_is_free(site: Site) -> None:
    with socket.create_server(("127.0.0.1", site.ports["edge"])) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        accepted.close()
        client.close()
    assert checks.is_free(site.ports["edge"])


def test_too_little_memory_is_said_in_gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MEMORY_NEEDED", 10_000.0)
    (problem,) = checks.memory()
    assert "the suite needs 10000.0 GB" in problem.what


def test_too_little_disk_names_the_folder(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "DISK_NEEDED", 10**9)
    (problem,) = checks.disk(site)
    assert str(site.directory) in problem.what
