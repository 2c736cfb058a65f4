"""Which folders of sockets each part sees: its own, and those of whom it calls by a socket. Pure.

In containers a part sees no other folder, so that it reaches nobody past the mesh.
"""

from __future__ import annotations

import re

from ops import mesh_parts
from ops.part import Part, ProbeKind
from ops.site import Site

_ENVOYS = (ProbeKind.SIDECAR, ProbeKind.ENVOY)


def folders(site: Site, part: Part) -> tuple[str, ...]:
    """By name, below the suite's `sockets/`."""
    if part.probe in _ENVOYS:
        described = ("reflection",) if part.name in mesh_parts.ENTRIES else ()
        own = part.name.removesuffix(f"-{mesh_parts.SIDECAR}")
        return (own, *described, *((mesh_parts.XDS,) if site.mesh else ()))
    inside = re.compile(re.escape(f"unix:{site.state}/sockets/") + "([^/]+)/")
    return tuple(dict.fromkeys(name for value in part.environment.values() for name in inside.findall(value)))
