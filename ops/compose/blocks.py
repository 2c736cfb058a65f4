"""What services of compose.yaml share: each block stands once in the file, under a name of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.compose import images, limits, site

Service = dict[str, Any]

TMP = ["/tmp"]  # noqa: S108 - of the container
READY = r"GET /ready HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\n\r\n"
PERL = (
    "$$s = IO::Socket::UNIX->new(Peer => $$ENV{ADMIN}) or exit 1; "
    f'print $$s "{READY}"; local $$/; exit(<$$s> !~ /LIVE/)'
)
"""The image of Envoy has no client of HTTP, but Ubuntu's perl-base, which speaks to sockets."""
HEALTH = [f"{site.PYTHON}", "-m", "ops.compose.health"]
NONE: Service = {"disable": True}

BLOCKS: Mapping[str, tuple[str, Service]] = {
    "hardened": (
        "what all containers have in common",
        {
            "restart": "unless-stopped",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "pids_limit": 512,
            "logging": {"driver": "json-file", "options": {"max-size": "5m", "max-file": "3"}},
        },
    ),
    "soon": ("somebody waits for it", {"interval": "5s", "timeout": "5s", "retries": 24}),
    "later": (
        "a look now and then, for each costs the start of a program",
        {"interval": "30s", "timeout": "10s", "retries": 3},
    ),
    "part": (
        "a Python part; its command picks which",
        {
            "<<": "hardened",
            "image": images.OURS,
            "user": images.USER,
            "tmpfs": TMP,
            "mem_limit": limits.PART,
            "healthcheck": {"<<": "later", "test": ["CMD", *HEALTH]},
        },
    ),
    "once": (
        "runs at each start, comes to its end, and is harmless when repeated",
        {"<<": "part", "restart": "on-failure", "mem_limit": limits.ONCE, "healthcheck": NONE},
    ),
    "tool": (
        "the operator at work: sees everything, for as long as a command runs",
        {
            "<<": "part",
            "restart": "no",
            "profiles": ["tools"],
            # measures the parts' processes, and lets them stand still in tests
            "pid": "host",
            "mem_limit": limits.TOOL,
            "environment": {"ORDERMESH_PROJECT": "${COMPOSE_PROJECT_NAME}"},
            "volumes": "everything",
            "healthcheck": NONE,
        },
    ),
    "envoy": (
        "an Envoy: a sidecar, or an entry",
        {
            "<<": "hardened",
            "image": images.ENVOY,
            "user": images.USER,
            "working_dir": str(site.ROOT),
            "tmpfs": TMP,
            "mem_limit": limits.SIDECAR,
            "healthcheck": {"<<": "later", "test": ["CMD", "perl", "-MIO::Socket::UNIX", "-e", PERL]},
        },
    ),
    "pod": (
        "holds the network of an application and its sidecar, so that either may restart without the other",
        {
            "<<": "hardened",
            "image": images.ENVOY,
            "user": images.USER,
            "entrypoint": ["sleep", "infinity"],
            "stop_signal": "SIGKILL",
            "mem_limit": limits.POD,
        },
    ),
}
