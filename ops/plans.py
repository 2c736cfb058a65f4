"""The plan of each part, which the launcher reads: its command and its whole environment. Mode 0600."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from ops import topology
from ops.part import Part
from ops.site import Site
from ops.state import write_json
from ops.workers import import_path

# What a part may see of the caller's environment: where certificates are, and nothing else
CERTIFICATES = re.compile(r"(SSL_CERT|CA_BUNDLE|_CERTS?($|_)|GRPC_DEFAULT_SSL)")


def base_environment(site: Site, environ: Mapping[str, str]) -> dict[str, str]:
    """What every part gets, and all that it gets of the caller's environment."""
    kept = {name: value for name, value in environ.items() if CERTIFICATES.search(name)}
    return kept | {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": environ.get("HOME", str(site.directory)),
        "LANG": "C.UTF-8",
        "PYTHONPATH": import_path(site.root),
        "PYTHONUNBUFFERED": "1",
    }


def write_plans(site: Site, parts: Iterable[Part]) -> None:
    """Write what the launcher reads: each part's command and whole environment."""
    base = base_environment(site, os.environ)
    for part in parts:
        if not topology.is_launched(site, part.name):
            continue
        plan = {
            "command": list(part.command),
            "environment": base | dict(part.environment),
            "refuses_root": part.refuses_root,
            "nice": part.nice,
        }
        write_json(site.prepared(part.name, "env") / f"{part.name}.json", plan)
