"""Worker versions: which build gets new workflows, and which old ones still have to stay. ADR 14.

Nothing is stranded by this order: a new build is copied and recorded; its predecessor is started again from
its own copy, beside it; `worker` becomes the new build and polls; only then Temporal gives it the new
workflows. A build that never gets that far never becomes the current one. Turning versions off is the same
step: then the next `worker` is the checkout itself.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rich.console import Console

from ops import builds, processes, state, workers
from ops.errors import SuiteError
from ops.site import Site
from ops.suite import Suite

DEPLOYMENT = "ordermesh"
CALL_SECONDS = 15.0
ROUTE_SECONDS = 30.0
AGAIN_SECONDS = 0.3
UNKNOWN = "not found"
"""Temporal's words for a version that never polled."""


def choose(site: Site, environ: Mapping[str, str]) -> Site:
    """Record which build `worker` is to be from now on, by VERSIONED=… or as before, and keep its code."""
    asked = environ.get("VERSIONED", "").strip()
    if asked not in ("", "0", "1"):
        raise SuiteError(f"VERSIONED={asked}: it is 1 or 0")
    versioned = asked == "1" or (not asked and bool(site.workers.build))
    build = builds.keep(site.root, site.builds, workers.setting(site)) if versioned else ""
    if build != site.workers.build:
        state.write_json(site.directory / "worker-build.json", {"build": build})
    builds.drop_unoffered(site.builds, besides=build)
    return replace(site, workers=state.workers(site.directory))


def make_room(suite: Suite) -> None:
    """Stop the part `worker` if it is another build than it is to be; its workflows have a worker by now."""
    pid = suite.pid(workers.CURRENT)
    if pid and processes.variable(pid, workers.BUILD_VARIABLE) != suite.site.workers.build:
        suite.stop(workers.CURRENT)


def route(site: Site) -> None:
    """New workflows go to the build of the part `worker`, which has to poll; harmless when repeated."""
    build = site.workers.build
    if not build and not site.workers.old:
        return  # there was never a version, or none since all went to the unversioned worker
    if build:
        builds.offer(site.builds, build)
    target = ("--build-id", build) if build else ("--unversioned",)
    deadline = time.monotonic() + ROUTE_SECONDS
    while (done := _deployment(site, "set-current-version", *target, "--yes")).returncode:
        # at first the server has not noticed the worker's polls
        if time.monotonic() > deadline:
            raise SuiteError(f"Temporal does not make {build or 'the checkout'} current: {_said(done)}")
        time.sleep(AGAIN_SECONDS)


def kept(site: Site) -> dict[str, str]:
    """The old builds that have to stay, each with the reason."""
    return {build: reason for build in site.workers.old if (reason := why_kept(site, build))}


def why_kept(site: Site, build: str) -> str | None:
    """Why an old build still needs its worker, or None."""
    done = _deployment(site, "describe-version", "--build-id", build, "--output", "json")
    if done.returncode:
        return None if UNKNOWN in done.stderr else f"Temporal does not say how it stands: {_said(done)}"
    if reason := still_used(json.loads(done.stdout)):
        open_ones = open_workflows(site, build)
        return reason if open_ones is None else f"{reason}, {open_ones} open"
    # what the server found when it last looked is one thing; that nothing is open now, another
    open_ones = open_workflows(site, build)
    return None if open_ones == 0 else f"{open_ones} open"


def still_used(version: Mapping[str, Any]) -> str | None:
    """What Temporal's description of an old version says against its end; None if nothing does."""
    status = version["drainageInfo"]["drainageStatus"]
    if status == "drained":
        return None
    if status == "draining":
        return "draining"
    # neither: it is the current one, or was never given anything
    return None if _never(version["routingChangedTime"]) else "current"


def open_workflows(site: Site, build: str) -> int | None:
    """How many run that are pinned to it; None if Temporal does not say."""
    query = f"TemporalWorkerDeploymentVersion = '{DEPLOYMENT}:{build}' AND ExecutionStatus = 'Running'"
    done = _temporal(site, "workflow", "count", "--query", query, "--output", "json")
    return None if done.returncode else int(json.loads(done.stdout).get("count", 0))


def retire(suite: Suite) -> dict[str, str]:
    """Stop and remove the old builds that nothing is pinned to any more; those that stay, with the reason."""
    site = suite.site
    if not site.workers.old:
        return {}
    stay = kept(site)
    left = {build: made for build, made in site.workers.old.items() if build in stay}
    if gone := [build for build in site.workers.old if build not in stay]:
        rest = Suite(replace(site, workers=replace(site.workers, old=left)))
        rest.supervisor.ensure_running(rest.parts.values())  # stops what it no longer lists
        for build in gone:
            (site.directory / "env" / f"{workers.name_of(build)}.json").unlink(missing_ok=True)
            builds.forget(site.builds, build)
    return stay


def tell(suite: Suite, stay: Mapping[str, str], console: Console, gone: str) -> None:
    """Which build gets new workflows, and what is kept for older ones; nothing of it without versions."""
    if suite.site.workers.build:
        console.print(f"worker is build {suite.site.workers.build}", markup=False)
    for build in suite.site.workers.old:
        what = f"stays: {stay[build]}" if build in stay else gone
        console.print(f"{workers.name_of(build)} {what}", markup=False)


def _never(moment: str) -> bool:
    """The zero times of Go and of Unix."""
    return moment.startswith(("0001-", "1970-"))


def _deployment(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, *rest = arguments
    return _temporal(site, "worker", "deployment", command, "--deployment-name", DEPLOYMENT, *rest)


def _temporal(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(site.programs.temporal), *arguments, "--address", site.address("temporal")]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=CALL_SECONDS)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {CALL_SECONDS:.0f} s")


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.strip().removeprefix("Error: ")
