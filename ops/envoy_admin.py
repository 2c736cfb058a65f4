"""Asks an Envoy of the suite: the admin of a sidecar, on a socket that only we can open, or the edge's.

The standard library speaks HTTP; only the way to a socket is ours.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.site import HOST, Site

SECONDS = 2.0


class NoAnswer(Exception):
    """An admin does not answer, or not as Envoy does."""


def of(site: Site, name: str) -> Path | int:
    """Where the admin of an instance's sidecar, or of an entry, is: a socket, or the edge's port."""
    on_a_port = name == "edge" and not site.contained
    return site.ports["envoy_admin"] if on_a_port else Path(site.socket(name, "admin"))


def stats(where: Path | int, query: str) -> Mapping[str, Any]:
    """The stats that a query asks for. Raises NoAnswer."""
    try:
        found: Mapping[str, Any] = json.loads(_get(where, query))
    except ValueError as error:
        raise NoAnswer(f"{where} does not answer with stats: {error}") from error
    return found


def well(where: Path | int, cluster: str, port: int) -> bool:
    """Whether this Envoy has found the instance at this port of a cluster well, and sends it calls. True for
    one that has no such cluster. Raises NoAnswer.
    """
    for known in stats(where, "/clusters?format=json").get("cluster_statuses", ()):
        if known["name"] == cluster:
            return any(
                host["address"].get("socket_address", {}).get("port_value") == port
                and host["health_status"] == {"eds_health_status": "HEALTHY"}
                for host in known.get("host_statuses", ())
            )
    return True


def counted(where: Path | int, name: str) -> int:
    """One counter or gauge; 0 as long as there is none. Raises NoAnswer."""
    found = stats(where, f"/stats?format=json&filter=^{name.replace('.', '%5C.')}$")["stats"]
    return sum(int(one["value"]) for one in found if one.get("name") == name)


def _get(where: Path | int, what: str) -> bytes:
    connection = http.client.HTTPConnection("envoy")
    try:
        with _open(where) as connection.sock:
            connection.request("GET", what)
            answer = connection.getresponse()
            text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"{where} does not answer: {error}; is that Envoy up?") from error
    if answer.status != http.HTTPStatus.OK:
        raise NoAnswer(f"{where} answers {answer.status}; is it the admin of an Envoy?")
    return text


def _open(where: Path | int) -> socket.socket:
    if isinstance(where, int):
        return socket.create_connection((HOST, where), SECONDS)
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(SECONDS)
    try:
        made.connect(str(where))
    except OSError:
        made.close()
        raise
    return made
