"""Temporal as it is run in production, on PostgreSQL, in the place of the dev server on one file. Pure.

`deploy/production-like.yaml` is made of it, to be read over compose.yaml: the service `temporal` keeps its
name and ports and becomes the server, in a pod with the UI; two jobs make its schema, before it starts, and
the namespace, before anybody calls it.
"""

from __future__ import annotations

from ops.compose import images, services, site, temporal_plan
from ops.compose.blocks import TMP, Service
from ops.compose.servers import TEMPORAL_USER
from ops.compose.services import ATTRIBUTES, DATABASES, DONE, HEALTHY, SETUP
from ops.site import HOST, Instance, Site
from ops.topology import server_parts

SERVER = "temporal"
UI, SCHEMA, NAMESPACE = "temporal-ui", "temporal-schema", "temporal-namespace"
POD = services.pod_of(SERVER)
RETENTION = "24h"
"""How long closed workflows are kept; the dev server has the same."""


class Instead(dict[str, object]):
    """A service that takes the place of one of the same name, and is not merged with it."""


def over(where: Site) -> dict[str, Service]:
    """All that stands over compose.yaml."""
    wanted = {"environment": {site.TEMPORAL: site.PRODUCTION_LIKE}}
    (part,) = (one for one in server_parts(where) if one.name == SERVER)
    return {
        SETUP: {**wanted, "volumes": [temporal_plan.laid(where).said()]},
        DATABASES: wanted,
        SCHEMA: schema(where) | services.after({DATABASES: DONE}),
        POD: services.pod(Instance(SERVER, SERVER)) | services.published(where, part),
        SERVER: Instead(server(where) | services.after({SCHEMA: DONE})),
        UI: ui(where) | services.after({SERVER: HEALTHY}),
        NAMESPACE: namespace(where) | services.after({SERVER: HEALTHY}),
        ATTRIBUTES: services.after({NAMESPACE: DONE}),
    }


def server(where: Site) -> Service:
    """The server itself. Its image has Alpine's small programs, and no client of gRPC."""
    configuration = f"{temporal_plan.folder(where)}/{temporal_plan.CONFIGURATION}"
    asks = ["wget", "-q", "-O", "/dev/null", f"http://{HOST}:{temporal_plan.HTTP}/api/v1/system-info"]
    return {
        "<<": "hardened",
        "image": images.TEMPORAL_SERVER,
        "user": images.USER,
        # nobody outside reaches it, as nobody reaches the dev server
        "command": ["temporal-server", "--config-file", configuration, "--allow-no-auth", "start"],
        "environment": TEMPORAL_USER,
        "network_mode": f"service:{POD}",
        "tmpfs": TMP,
        "mem_limit": "384m",
        "stop_grace_period": "10s",
        "volumes": [temporal_plan.seen(where).said()],
        "healthcheck": {"<<": "soon", "test": ["CMD", *asks]},
    }


def ui(where: Site) -> Service:
    """The UI, which the dev server has within itself."""
    port = where.ports["temporal_ui"]
    opened = services.chosen(where, "temporal_ui")
    origins = ",".join(f"http://{name}:{opened}" for name in ("localhost", HOST))
    return {
        "<<": "hardened",
        "image": images.TEMPORAL_UI,
        "user": images.USER,
        "environment": {
            "TEMPORAL_ADDRESS": f"{HOST}:{where.ports['temporal']}",
            "TEMPORAL_UI_PORT": str(port),
            "TEMPORAL_CORS_ORIGINS": origins,
            # it is plain HTTP, on loopback only
            "TEMPORAL_CSRF_COOKIE_INSECURE": "true",
        },
        "network_mode": f"service:{POD}",
        "tmpfs": TMP,
        "mem_limit": "96m",
        "healthcheck": {"<<": "soon", "test": ["CMD", "bash", "-c", f"</dev/tcp/{HOST}/{port}"]},
    }


def schema(where: Site) -> Service:
    """Brings both databases to the schema of today's server; setting up one that is there changes nothing."""
    password = f"{temporal_plan.folder(where)}/{temporal_plan.PASSWORD}"
    lines = [f'SQL_PASSWORD="$$(cat {password})"', "export SQL_PASSWORD"]
    for database, kind in temporal_plan.SCHEMAS.items():
        tool = f"temporal-sql-tool --database {database}"
        lines.append(f"{tool} setup-schema --version 0.0")
        lines.append(f"{tool} update-schema --schema-name postgresql/v12/{kind}")
    host, port = where.host("postgres"), str(where.ports["postgres"])
    return _admin("\n".join([*lines, ""])) | {
        "environment": {
            "SQL_PLUGIN": temporal_plan.PLUGIN,
            "SQL_HOST": host,
            "SQL_PORT": port,
            "SQL_USER": temporal_plan.ROLE,
        },
        "volumes": [temporal_plan.seen(where).said()],
    }


def namespace(where: Site) -> Service:
    """The namespace that the dev server makes by itself."""
    call = f"temporal operator namespace {{}} --namespace default --address {where.address(SERVER)}"
    script = f"{call.format('describe')} ||\n{call.format('create')} --retention {RETENTION}\n"
    return _admin(script) | {"environment": TEMPORAL_USER}


def _admin(script: str) -> Service:
    return {
        "<<": "once",
        "image": images.TEMPORAL_ADMIN_TOOLS,
        "command": ["sh", "-euc", script],
    }
