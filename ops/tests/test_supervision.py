"""Supervisor's configuration."""

from __future__ import annotations

from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path

from ops import topology
from ops.site import Site
from ops.supervision import config


def parsed(site: Site) -> RawConfigParser:
    parser = RawConfigParser()
    parser.read_string(config(site, topology.all_parts(site)))
    return parser


def test_the_configuration_holds_no_password(site: Site) -> None:
    assert "password-of-" not in config(site, topology.all_parts(site))


def test_every_part_is_restarted_when_it_ends_and_started_only_by_us(site: Site) -> None:
    settings = parsed(site)
    for part in topology.all_parts(site):
        section = settings[f"program:{part.name}"]
        assert (section["autorestart"], section["autostart"]) == ("true", "false")


def test_supervisor_listens_on_loopback_only(site: Site) -> None:
    assert parsed(site)["inet_http_server"]["port"] == f"127.0.0.1:{site.ports['supervisor']}"


def test_a_percent_sign_in_the_path_is_no_expansion(site: Site) -> None:
    odd = replace(site, root=Path("/home/ada/100% mine"))
    command = parsed(odd)["program:orders"]["command"]
    assert "100%% mine" in command
    assert "'" in command  # the space is quoted
