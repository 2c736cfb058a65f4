"""Which instances of each workload there are: kept on disk, so that a control plane that returns knows them.

An instance is added when its proxy connects. It leaves by the operator's word, or when it has been gone for
long and is not the last of its workload that can be called. A stream that is lost removes nothing: the
proxies' own health checks decide where calls go meanwhile.

An instance that drains does so until the operator readmits it, or until the time that he has named is over.
That it reconnects changes nothing: not after a restart of the control plane, nor after one of its own sidecar
and application, for it is ready when the operator says so, and not when its sidecar is. That the time ends
readmits an instance whose operator's command has died, and its callers' health checks decide as always.
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
_TIMES = ("drained_until", "away_since")


@dataclass(frozen=True)
class Instance:
    """One instance of a workload: where its proxy takes calls, which version it is."""

    node_id: str
    workload: str
    address: str  # host:port of the proxy's inbound listener; empty if nobody calls it
    version: str = ""
    drained_until: datetime | None = None  # it gets no new calls until then, or until it is readmitted
    away_since: datetime | None = None  # its stream is lost since then; None while it is connected

    @property
    def draining(self) -> bool:
        """It takes no new calls."""
        return self.drained_until is not None

    def away_for_long(self, now: datetime) -> bool:
        """Nobody waits for it any more."""
        return self.away_since is not None and now - self.away_since > GONE_AFTER


@dataclass(frozen=True)
class Registered:
    """All instances by node id. Every change is a new value. Pure."""

    instances: Mapping[str, Instance]

    def arrived(self, instance: Instance) -> Registered:
        """Its proxy is connected: known from now on, as it says it is. If it was draining it still is."""
        known = self.instances.get(instance.node_id)
        until = known.drained_until if known else None
        return self._with(replace(instance, drained_until=until, away_since=None))

    def lost(self, node_id: str, now: datetime) -> Registered:
        """Its stream has ended. It stays."""
        known = self.instances.get(node_id)
        return self if known is None or known.away_since else self._with(replace(known, away_since=now))

    def all_away(self, now: datetime) -> Registered:
        """The control plane itself was away: who has gone meanwhile it learns by who does not return."""
        return Registered({key: replace(one, away_since=now) for key, one in self.instances.items()})

    def drains(self, node_id: str, until: datetime) -> Registered:
        """It takes no new calls from now on, and finishes those that it has."""
        known = self.instances.get(node_id)
        return self if known is None else self._with(replace(known, drained_until=until))

    def readmitted(self, node_id: str) -> Registered:
        """It takes calls again."""
        known = self.instances.get(node_id)
        return self if known is None else self._with(replace(known, drained_until=None))

    def left(self, node_id: str) -> Registered:
        """It is gone for good."""
        return Registered({key: one for key, one in self.instances.items() if key != node_id})

    def swept(self, now: datetime) -> Registered:
        """Without those that have been away for too long, and with those that have drained for long enough.

        The last of a workload stays, for an address that does not answer is better than none.
        """
        kept = dict(self.instances)
        for key, one in sorted(self.instances.items()):
            if one.away_for_long(now) and (not one.address or len(Registered(kept).of(one.workload)) > 1):
                del kept[key]
            elif one.drained_until is not None and one.drained_until <= now:
                kept[key] = replace(one, drained_until=None)
        return Registered(kept)

    def of(self, workload: str) -> tuple[Instance, ...]:
        """A workload's instances that can be called, by node id."""
        found = [one for one in self.instances.values() if one.workload == workload and one.address]
        return tuple(sorted(found, key=lambda one: one.node_id))

    def _with(self, instance: Instance) -> Registered:
        return Registered({**self.instances, instance.node_id: instance})


class Registry:
    """The instances that are known now, and on disk."""

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        self._path = path
        self._changed = changed
        self.now = _read(path)

    def returns(self, now: datetime) -> None:
        """Begin anew after an absence; nobody has to hear of it."""
        self.now = self.now.all_away(now)

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
        for name in _TIMES:
            values[name] = datetime.fromisoformat(values[name]) if values[name] else None
        found[values["node_id"]] = Instance(**values)
    return Registered(found)


def _write(path: Path, registered: Registered) -> None:
    rows = []
    for instance in registered.instances.values():
        values = asdict(instance)
        for name in _TIMES:
            values[name] = values[name].astimezone(UTC).isoformat() if values[name] else None
        rows.append(values)
    private_files.write(path, json.dumps(rows, indent=1))
