"""What Temporal needs to run as in production: its own configuration, and databases in PostgreSQL.

`setup` lays it in a volume that only Temporal's containers see; `databases` makes the databases.
"""

from __future__ import annotations

import json
import os
from typing import Any

import yaml

from ops import servers, state
from ops.compose import site, volumes
from ops.site import EVERYWHERE, HOST, Site

STORE, VISIBILITY = "temporal", "temporal_visibility"
ROLE = "temporal"
SCHEMAS = {STORE: "temporal", VISIBILITY: "visibility"}
CONFIGURATION, DYNAMIC, PASSWORD = "temporal.yaml", "dynamic.yaml", "password"
PLUGIN = "postgres12"
"""Temporal's name for every PostgreSQL since version 12."""
SHARDS = 4
"""For ever: the number cannot change once there is a workflow."""
MOST_CONNECTIONS = {STORE: 5, VISIBILITY: 2}
"""Each of the four services in the process has pools of its own, and PostgreSQL is shared with the suite."""
HTTP = 7243
MEMBERSHIP_PORTS = {"frontend": 6933, "history": 6934, "matching": 6935, "worker": 6939}
"""Where they tell each other who is there; the calls of all but the frontend are three hundred higher."""


def is_wanted() -> bool:
    """Whether this suite has it, as the file says that is read over compose.yaml."""
    return os.environ.get(site.TEMPORAL) == site.PRODUCTION_LIKE


def databases() -> dict[str, str]:
    """The databases that Temporal wants, with their owner."""
    return dict.fromkeys(SCHEMAS, ROLE)


def laid(where: Site) -> volumes.Mount:
    """The volume, as `setup` sees it."""
    return volumes.Mount("plan-temporal", str(where.prepared("temporal", "run")))


def seen(where: Site) -> volumes.Mount:
    """The volume, as Temporal's containers see it."""
    return volumes.Mount("plan-temporal", folder(where), read_only=True, bare=True)


def prepare(where: Site) -> None:
    """Lay the configuration and the password, for containers that see nothing else."""
    home = where.prepared("temporal", "run")
    state.write_private(home / CONFIGURATION, yaml.safe_dump(configuration(where), sort_keys=False))
    state.write_private(home / DYNAMIC, yaml.safe_dump(dynamic()))
    state.write_private(home / PASSWORD, where.passwords[ROLE])


def configuration(where: Site) -> dict[str, Any]:
    """The server's own configuration: four services in one process, which meet on loopback."""
    port = where.ports["temporal"]
    return {
        "log": {"stdout": True, "level": "warn"},
        "persistence": {
            "defaultStore": STORE,
            "visibilityStore": VISIBILITY,
            "numHistoryShards": SHARDS,
            "datastores": {name: {"sql": _store(where, name)} for name in SCHEMAS},
        },
        "global": {
            "membership": {"maxJoinDuration": "30s", "broadcastAddress": HOST},
            "metrics": {
                "prometheus": {"timerType": "histogram", "listenAddress": where.listener("temporal_metrics")}
            },
        },
        "services": {name: {"rpc": _rpc(name, port)} for name in MEMBERSHIP_PORTS},
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {
                "active": {
                    "enabled": True,
                    "initialFailoverVersion": 1,
                    "rpcName": "frontend",
                    "rpcAddress": f"{HOST}:{port}",
                    "httpAddress": f"{HOST}:{HTTP}",
                }
            },
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "publicClient": {"hostPort": f"{HOST}:{port}"},
        "dynamicConfigClient": {"filepath": f"{folder(where)}/{DYNAMIC}", "pollInterval": "60s"},
    }


def _store(where: Site, database: str) -> dict[str, Any]:
    most = MOST_CONNECTIONS[database]
    return {
        "pluginName": PLUGIN,
        "databaseName": database,
        "connectAddr": where.address("postgres"),
        "connectProtocol": "tcp",
        "user": ROLE,
        "password": where.passwords[ROLE],
        "maxConns": most,
        "maxIdleConns": most,
        "maxConnLifetime": "1h",
    }


def _rpc(service: str, port: int) -> dict[str, Any]:
    membership = MEMBERSHIP_PORTS[service]
    if service == "frontend":
        return {"grpcPort": port, "membershipPort": membership, "bindOnIP": EVERYWHERE, "httpPort": HTTP}
    return {"grpcPort": membership + 300, "membershipPort": membership, "bindOnIP": HOST}


def dynamic() -> dict[str, list[dict[str, Any]]]:
    """The settings that the dev server gets by its command line, in the file's form."""
    pairs = (setting.split("=", 1) for setting in servers.TEMPORAL_DYNAMIC)
    return {name: [{"value": json.loads(value)}] for name, value in pairs}


def folder(where: Site) -> str:
    """Where Temporal's containers see what was laid."""
    return str(where.directory / "run")
