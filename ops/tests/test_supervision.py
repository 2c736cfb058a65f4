"""Supervisor's configuration."""

from __future__ import annotations

from configparser import RawConfigParser
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


def test_the_path_of_the_checkout_does_not_matter(site: Site) -> None:
    odd = Site(Path("/home/ada/100% mine"), "main", site.ports, site.passwords, site.programs)
    assert "100%" not in config(odd, topology.all_parts(odd))
