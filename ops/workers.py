"""The parts that carry workflows: the worker of today, and those kept for workflows pinned to older builds.

Pure. `worker` is the one that gets new workflows, at the ports that its name has. Its predecessors are
`worker-<build>`: each runs from a copy of its own code (`ops.builds`) and listens where the system lets it.
"""

from __future__ import annotations

from pathlib import Path

from ops.part import Part, ProbeKind
from ops.site import HOST, Site

CURRENT = "worker"
BUILD_VARIABLE = "WORKFLOWS_BUILD_ID"
CALLS = ("orders", "inventory", "payments", "notifications", "shipping")
STOP_SECONDS = 15


def parts(site: Site) -> tuple[Part, ...]:
    """The old ones first: what is pinned to a build must have a worker before `worker` takes up a new one."""
    return (*(old(site, build) for build in site.workers.old), current(site))


def current(site: Site) -> Part:
    """The worker that new workflows go to; without versions all of them do."""
    build = site.workers.build
    environment = (
        setting(site)
        | site.spans("WORKFLOWS")
        | {
            "WORKFLOWS_LISTEN": site.application(CURRENT),
            "WORKFLOWS_METRICS_ADDRESS": site.listener("worker_metrics"),
        }
    )
    return Part(
        name=CURRENT,
        command=command(site, build),
        ports=("worker_metrics",) if site.mesh else (CURRENT, "worker_metrics"),
        probe=ProbeKind.GRPC,
        environment=site.payload_environment("WORKFLOWS") | environment | version(site, build),
        asked=(site.application(CURRENT),),
        after=tuple(name_of(build) for build in site.workers.old),
        stop_seconds=STOP_SECONDS,
    )


def old(site: Site, build: str) -> Part:
    """A worker for what is pinned to its build. An older build refuses variables that it does not know,
    and may want some that are gone: it gets those that it was made with, at today's values if any.
    """
    known, today = site.workers.old[build], setting(site)
    environment = {name: today.get(name, value) for name, value in known.items()}
    return Part(
        name=name_of(build),
        command=command(site, build),
        ports=(),
        probe=ProbeKind.PORTLESS,
        environment=site.payload_environment("WORKFLOWS")
        | environment
        | {"WORKFLOWS_LISTEN": f"{HOST}:0"}
        | version(site, build),
        stop_seconds=STOP_SECONDS,
    )


def name_of(build: str) -> str:
    """The part that keeps an old build."""
    return f"{CURRENT}-{build}"


def setting(site: Site) -> dict[str, str]:
    """What every worker of today is told, whatever its build; no secret."""
    peers = {f"WORKFLOWS_{peer.upper()}_ADDRESS": site.peer(CURRENT, peer) for peer in CALLS}
    temporal = {"WORKFLOWS_TEMPORAL_ADDRESS": site.address("temporal")}
    return {"WORKFLOWS_PROFILE": "dev"} | temporal | peers


def version(site: Site, build: str) -> dict[str, str]:
    """Where the code of a build is, and its name for Temporal; nothing for the checkout itself."""
    return {BUILD_VARIABLE: build, "PYTHONPATH": import_path(site.builds / build)} if build else {}


def import_path(root: Path) -> str:
    """The import roots of a checkout, or of a copy."""
    return f"{root}:{root / 'protos' / 'gen' / 'python'}"


def command(site: Site, build: str) -> tuple[str, ...]:
    """-P: the working folder, which is the checkout, would come before the copy of the code."""
    return (str(site.python), *(("-P",) if build else ()), "-m", "workflows")
