"""A running suite, for the tests and the operator's commands: addresses, and start, stop, kill by part.

    suite = Suite.load("test")
    suite.address("edge")            # 127.0.0.1:port
    suite.kill("orders")             # SIGKILL; supervisor starts it again
    suite.wait_ready("orders", 20)

All calls block; in a coroutine use `asyncio.to_thread`. Errors are SuiteError, with the way out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from ops import databases, plans, probes, state, storage, topology
from ops.compose.engine import Engine
from ops.errors import SuiteError
from ops.part import Part, ProbeKind
from ops.site import Site, option_of
from ops.supervision import ProcessState, Supervisor

T = TypeVar("T")
STOPPING_SECONDS = 25.0  # the longest that a part has to end
CRASHING_SECONDS = 8.0
# supervisor's words for a process that it has given up or that nobody started
NOT_RUNNING = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")


class Runtime(Protocol):
    """What keeps the parts running: supervisor natively, the container engine in containers."""

    def is_running(self) -> bool:
        """Whether it runs this suite now."""

    def states(self) -> dict[str, ProcessState]:
        """Every part that it knows."""

    def start(self, name: str) -> None:
        """Start a part unless it runs."""

    def stop(self, name: str) -> None:
        """Stop a part and wait until its process is gone."""

    def kill(self, name: str) -> None:
        """Kill a part that runs, as by a crash: it is gone, and will be started again."""

    def ensure_running(self, parts: Iterable[Part]) -> None:
        """Know these parts, and no others."""

    def last_lines(self, name: str, count: int) -> list[str]:
        """The end of a part's log."""

    def memory(self) -> dict[str, int]:
        """Bytes that each part that runs uses now."""


class Suite:
    """One suite by its name."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.parts: dict[str, Part] = {part.name: part for part in topology.all_parts(site)}
        self.supervisor: Runtime = Engine() if site.contained else Supervisor(site)

    @classmethod
    def load(cls, name: str = "main") -> Suite:
        """The suite that `make up` made; SuiteError if it never did."""
        return cls(state.load_site(name))

    @property
    def name(self) -> str:
        """What SUITE=… says."""
        return self.site.suite

    @property
    def directory(self) -> Path:
        """Its state: logs, data, mail, settings."""
        return self.site.directory

    @property
    def ports(self) -> Mapping[str, int]:
        """Port numbers by the names of `topology.DEFAULT_PORTS`."""
        return self.site.ports

    @cached_property
    def urls(self) -> Mapping[str, str]:
        """What a person opens or calls."""
        return topology.urls(self.site)

    @property
    def admin_database_url(self) -> str:
        """The database server, as its superuser."""
        return self.site.admin_database_url

    def database_url(self, service: str) -> str:
        """A service's own database, by its own role."""
        return self.site.database_url(service)

    def address(self, name: str) -> str:
        """Where a port is served, `host:port`; of a service's application in the mesh `unix:path`."""
        part = self.parts.get(name)
        if part and part.asked and part.probe in (ProbeKind.GRPC, ProbeKind.HTTP):
            return part.asked[0]
        return self.site.address(name)

    def part(self, name: str) -> Part:
        """A part by name; SuiteError lists the names there are."""
        if name not in self.parts:
            raise SuiteError(f"no part {name!r}; there are: {', '.join(self.parts)}")
        return self.parts[name]

    def states(self) -> dict[str, ProcessState]:
        """Supervisor's view of every part; empty if the suite is down."""
        return self.supervisor.states() if self.supervisor.is_running() else {}

    def require_running(self) -> None:
        """SuiteError unless the suite is up."""
        if not self.supervisor.is_running():
            raise SuiteError(f"suite {self.name} is down; `make up{option_of(self.name)}` starts it")

    def pid(self, name: str) -> int:
        """The process id of a part; 0 if it does not run now."""
        states = self.states()
        return states[self.part(name).name].pid if name in states else 0

    def start(self, name: str) -> None:
        """Prepare, migrate and start a part; does not wait for readiness. Harmless if it runs."""
        part = self.part(name)
        self.require_running()
        found = self._settled(name)
        if found == "BACKOFF":
            self.supervisor.stop(name)  # its next try may be seconds away, and without today's migrations
        if found in (*NOT_RUNNING, "BACKOFF"):
            plans.write_plans(self.site, [part])
            storage.prepare(self.site, name)
            if part.database:
                databases.migrate(self.site, part.database)
        self.supervisor.start(name)

    def _settled(self, name: str) -> str:
        """Supervisor's state of a part, once it is not on its way out any more: who asked for its stop may
        have gone before the end of it, and a start in between would be lost.
        """
        until = time.monotonic() + STOPPING_SECONDS
        while (found := self.supervisor.states()[name].state) == "STOPPING" and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def stop(self, name: str) -> None:
        """Stop a part and wait until its process is gone; supervisor leaves it down."""
        self.part(name)
        self.require_running()
        self.supervisor.stop(name)

    def kill(self, name: str) -> None:
        """SIGKILL the process itself and wait until it is gone; it is started again."""
        if not self.pid(name):
            raise SuiteError(f"{name} does not run")
        self.supervisor.kill(name)

    def wait_ready(self, name: str, seconds: float = 30) -> None:
        """Wait until a part answers its probe; SuiteError says why it does not."""
        part = self.part(name)
        reason = blocking(probes.wait_ready(self.site, part, seconds, self.hope(name)))
        if reason:
            raise SuiteError(f"{name}: {reason}")

    def hope(self, name: str) -> Hope:
        """To be asked while waiting for a part's readiness."""
        return Hope(self, name)

    def health(self, name: str) -> str | None:
        """None if the part is ready now, else why it is not."""
        return blocking(probes.ready(self.site, self.part(name)))

    def override(self, name: str, environment: Mapping[str, str]) -> None:
        """Extra environment of a part from its next start on; an empty mapping takes it back."""
        storage.write_override(self.site, self.part(name).name, environment)

    def overrides(self, name: str) -> dict[str, str]:
        """The extra environment that `override` has given a part; put back by whoever adds to it."""
        return storage.read_override(self.site, self.part(name).name)

    def last_lines(self, name: str, count: int) -> list[str]:
        """The end of a part's log."""
        return self.supervisor.last_lines(self.part(name).name, count)

    def memory(self) -> dict[str, int]:
        """Bytes that each part that runs uses now, shared pages counted once."""
        return self.supervisor.memory()


class Hope:
    """Whether waiting for a part makes sense: not if supervisor gave it up, or it ends ever again."""

    def __init__(self, suite: Suite, part: str) -> None:
        self._suite = suite
        self._part = part
        self._since: float | None = None  # when it was first seen to end right after its start

    def __call__(self) -> str | None:
        """Why it will never be ready, or None while it may."""
        found = self._suite.states().get(self._part)
        if found is None:
            return "supervisor does not run"
        if found.state in NOT_RUNNING:
            return f"its process is {found.state}"
        if self._since and time.monotonic() - self._since > CRASHING_SECONDS:
            return "it ends right after each start"
        if self._since is None and found.state == "BACKOFF":
            self._since = time.monotonic()
        return None


def blocking(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end, also where the caller's thread has an event loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work)).result()
