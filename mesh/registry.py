"""Which instances of each workload there are: kept on disk, so that a control plane that returns knows them.

An instance is added when its proxy connects. It leaves by saying so, or when it has been gone for long and is
not the last of its workload. A stream that is lost removes nothing: the proxies' own health checks decide
where calls go meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mesh import private_files

GONE_AFTER = timedelta(seconds=60)
"""An instance whose proxy has been away for so long is taken out, unless it is the last one."""


@dataclass(frozen=True)
class Instance:
    """One instance of a workload: where its proxy takes calls, which version it is."""

    node_id: str
    workload: str
    address: str  # host:port of the proxy's inbound listener
    version: str = ""
    draining: bool = False
    away_since: datetime | None = None  # its stream is lost since then; None while it is connected


@dataclass(frozen=True)
class Registered:
    """All instances by node id. Every change is a new value. Pure."""

    instances: Mapping[str, Instance]

    def arrived(self, instance: Instance) -> Registered:
        """Its proxy is connected: known from now on, as it says it is."""
        return self._with(replace(instance, draining=False, away_since=None))

    def lost(self, node_id: str, now: datetime) -> Registered:
        """Its stream has ended. It stays."""
        known = self.instances.get(node_id)
        return self if known is None or known.away_since else self._with(replace(known, away_since=now))

    def drains(self, node_id: str) -> Registered:
        """It takes no new calls from now on, and finishes those that it has."""
        known = self.instances.get(node_id)
        return self if known is None else self._with(replace(known, draining=True))

    def left(self, node_id: str) -> Registered:
        """It is gone for good, and says so."""
        return Registered({key: one for key, one in self.instances.items() if key != node_id})

    def swept(self, now: datetime) -> Registered:
        """Without those that have been away for too long; the last of a workload stays, for an address that
        does not answer is better than none.
        """
        kept = dict(self.instances)
        for key, one in sorted(self.instances.items()):
            away = one.away_since is not None and now - one.away_since > GONE_AFTER
            if away and sum(other.workload == one.workload for other in kept.values()) > 1:
                del kept[key]
        return Registered(kept)

    def of(self, workload: str) -> tuple[Instance, ...]:
        """A workload's instances, by node id."""
        found = [one for one in self.instances.values() if one.workload == workload]
        return tuple(sorted(found, key=lambda one: one.node_id))

    def _with(self, instance: Instance) -> Registered:
        return Registered({**self.instances, instance.node_id: instance})


class Registry:
    """The instances that are known now, and on disk."""

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self._path = path
        self._changed = changed
        self.now = _read(path)

    def becomes(self, then: Registered) -> None:
        """Keep it, then tell; what is the same is neither kept nor told."""
        if then == self.now:
            return
        _write(self._path, then)
        self.now = then
        self._changed()


def _read(path: Path) -> Registered:
    if not path.exists():
        return Registered({})
    found = {}
    for values in json.loads(path.read_text()):
        away = values["away_since"]
        values["away_since"] = datetime.fromisoformat(away) if away else None
        found[values["node_id"]] = Instance(**values)
    return Registered(found)


def _write(path: Path, registered: Registered) -> None:
    rows = []
    for instance in registered.instances.values():
        values = asdict(instance)
        away = instance.away_since
        values["away_since"] = away.astimezone(UTC).isoformat() if away else None
        rows.append(values)
    private_files.write(path, json.dumps(rows, indent=1))
