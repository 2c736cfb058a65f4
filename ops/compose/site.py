"""The site of a suite in containers: the same parts at the same ports, each on a host of its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ops import mesh_parts, programs, topology
from ops.part import Part
from ops.site import Instance, Site

ROOT = Path("/ordermesh")
"""The checkout in our image; the working folder in every container that has to do with paths of ours."""
SUITE = "main"
"""What every suite is called inside of its containers; outside it is a compose project of another name."""
PYTHON = "var/venv/app/bin/python"
"""The interpreter in our image, from the working folder."""
SECOND = "2"
TEMPORAL, PRODUCTION_LIKE = "TEMPORAL", "production-like"
"""The variable that says how Temporal is run, and its only value: without it, it is the dev server."""
PUBLISHED = "PUBLISHED_"
"""With a port's name the variable that tells `setup` where it is open outside."""
INSIDE = frozenset({"kafka_controller", "envoy_admin"})
"""Ports that nobody else calls: they stay on the loopback of their own container."""


def described(more: tuple[Instance, ...] = ()) -> Site:
    """The site without its secrets, as compose.yaml describes it; `more` beside the first instances."""
    nothing = dict.fromkeys(("postgres", "supervisor", *topology.SERVICES), "")
    plain = Site(ROOT, SUITE, topology.assign_ports(SUITE), nothing, programs.CONTAINED)
    return with_more(replace(plain, hosts=hosts(plain)), more)


def with_more(site: Site, more: Iterable[Instance]) -> Site:
    """With these instances, too: each has a host of its own, and there the port of its service."""
    new = [one for one in more if one not in site.scaled]
    ports = {**site.ports, **{one.name: site.ports[one.workload] for one in new}}
    own = {**site.hosts, **{one.name: one.name for one in new}}
    return replace(site, scaled=(*site.scaled, *new), ports=ports, hosts=own)


def hosts(plain: Site) -> Mapping[str, str]:
    """The host of each port: the part that opens it; for a sidecar's the instance that it stands beside."""
    parts = topology.all_parts(plain)
    return {port: instance_of(part.name) for part in parts for port in part.ports if port not in INSIDE}


def instance_of(part: str) -> str:
    """The instance that a sidecar stands beside; every other part itself."""
    return part.removesuffix(f"-{mesh_parts.SIDECAR}")


def seconds() -> tuple[Instance, ...]:
    """One more instance of every service: what the profile `scaled` adds."""
    return tuple(Instance(f"{name}-{SECOND}", name) for name in topology.WORKLOADS)


def of_instance(name: str) -> tuple[str, str, str]:
    """The services of one instance: its pod, its application, its sidecar."""
    return (f"{name}-pod", name, mesh_parts.beside(name))


def ours(site: Site) -> tuple[Part, ...]:
    """The parts that are made of our image, or of Envoy's: all but the three servers."""
    return tuple(part for part in topology.all_parts(site) if part.name not in topology.SERVERS)
