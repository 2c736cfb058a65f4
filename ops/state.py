"""The files of a suite: its settings and secrets, and the environment of each part. Mode 0600.

`suite.json` is what every other command and the tests read; it is written by `make up` and keeps
the chosen ports until `make reset`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import builds, programs, topology
from ops.errors import SuiteError
from ops.site import Instance, Site, Workers, option_of

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("env", "logs", "mail", "run", "sockets", "temporal", "kafka", "postgres")


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    temporary = path.with_name(path.name + ".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """A private JSON file, for people to read too."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def private_folder(path: Path) -> None:
    """A folder that only its owner may enter, unless it is there already."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty if there is none."""
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def directory_of(suite: str) -> Path:
    """The suite's folder; a name is checked because it becomes a path."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", suite):
        raise SuiteError(f"SUITE={suite}: a name has up to 31 lower-case letters, digits and dashes")
    return ROOT / "var" / "suites" / suite


@contextmanager
def exclusive(suite: str) -> Iterator[None]:
    """Held by what starts or stops a whole suite; a second one waits for the first."""
    directory = directory_of(suite)
    directory.parent.mkdir(parents=True, exist_ok=True)
    # beside the folder, which `make reset` removes; in containers, where it is a volume, inside
    contained = bool(read_json(directory / "suite.json").get("hosts"))
    path = directory / "exclusive.lock" if contained else directory.with_suffix(".lock")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def port_overrides(environ: Mapping[str, str]) -> dict[str, int]:
    """The PORT_<NAME> variables; raises SuiteError naming every wrong one."""
    given = {name[5:].lower(): value for name, value in environ.items() if name.startswith("PORT_")}
    known = {name: value for name, value in given.items() if name in topology.DEFAULT_PORTS}
    wrong = [f"PORT_{name.upper()}={value}" for name, value in known.items() if not _is_port(value)]
    if wrong:
        raise SuiteError(f"not a port (1 to 65535): {', '.join(wrong)}")
    return {name: int(value) for name, value in known.items()}


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def make_secrets(directory: Path) -> dict[str, str]:
    """Passwords of the suite, made once: the databases' and supervisor's. Temporal has a database where it
    runs as in production, in containers.
    """
    path = directory / "secrets.json"
    known = read_json(path)
    names = ("postgres", "supervisor", *topology.SERVICES, "temporal")
    made = {name: known.get(name) or secrets.token_urlsafe(24) for name in names}
    if made != known:
        write_json(path, made)
    return made


def payload_keys(directory: Path) -> str:
    """The keys that encrypt what Temporal keeps. A file of its own: an older checkout leaves it alone."""
    return str(read_json(directory / "payload-keys.json").get("payload_keys", ""))


def wanted_payload_keys(directory: Path, environ: Mapping[str, str]) -> str:
    """The same, after what PAYLOAD_KEYS=… asks for, if anything."""
    known, asked = payload_keys(directory), environ.get("PAYLOAD_KEYS", "").strip()
    if not asked:
        return known
    from ops import encryption  # brings pydantic along, for which every other command would wait

    return encryption.chosen(known, asked)


def workers(directory: Path) -> Workers:
    """The builds of the worker: the one that `worker` runs, and all others of which the code is kept."""
    build = str(read_json(directory / "worker-build.json").get("build", ""))
    kept = builds.kept(directory / "workers")
    return Workers(build, {name: made for name, made in kept.items() if name != build})


def wanted_mesh(directory: Path, environ: Mapping[str, str], runs: bool = False) -> bool:
    """Whether the parts are to call each other through sidecars: they do, unless MESH=off says otherwise.
    A suite that runs keeps what it has. SuiteError for another word.
    """
    asked = environ.get("MESH", "").strip()
    if asked not in ("", "on", "off"):
        raise SuiteError(f"MESH={asked}: it is on or off")
    return asked == "on" or (not asked and (not runs or has_mesh(directory)))


def wanted_otlp(directory: Path, environ: Mapping[str, str]) -> str:
    """Where spans are to go: what OTLP=host:port says (OTLP=off: nowhere), else as before. SuiteError."""
    asked = environ.get("OTLP", "").strip()
    if not asked:
        return str(read_json(directory / "suite.json").get("otlp", ""))
    if asked != "off" and not re.fullmatch(r"[A-Za-z0-9][\w.-]*:\d{1,5}", asked):
        raise SuiteError(f"OTLP={asked}: host:port of an OTLP gRPC server, such as localhost:4317, or off")
    return "" if asked == "off" else asked


def has_mesh(directory: Path) -> bool:
    """Whether a suite was started with the mesh; one that was never started would be."""
    return bool(read_json(directory / "suite.json").get("mesh", True))


def scaled(directory: Path) -> tuple[tuple[Instance, ...], dict[str, int]]:
    """What `make scale` has left: the instances beside the first ones, and their ports."""
    rows = read_json(directory / "instances.json")
    more = tuple(Instance(name, row["workload"], row["version"]) for name, row in rows.items())
    return more, {name: int(row["port"]) for name, row in rows.items()}


def save_scaled(site: Site) -> None:
    """Keep the instances of a site for the commands that come later."""
    rows = {
        one.name: {"workload": one.workload, "version": one.version, "port": site.ports[one.name]}
        for one in site.scaled
    }
    write_json(site.directory / "instances.json", rows)


def create_site(
    suite: str,
    environ: Mapping[str, str],
    runs: bool = False,
    hosts: Mapping[str, str] | None = None,
    published: Mapping[str, int] | None = None,
) -> Site:
    """Make or refresh a suite's folders and settings; saved ports stay unless overridden now. `hosts` and
    `published` are of a suite in containers.
    """
    directory = directory_of(suite)
    for name in FOLDERS:
        private_folder(directory / name)
    saved = read_json(directory / "suite.json").get("ports", {})
    chosen = {name: port for name, port in saved.items() if name in topology.DEFAULT_PORTS}
    ports = topology.assign_ports(suite, chosen | port_overrides(environ))
    twice = sorted(name for name, port in ports.items() if list(ports.values()).count(port) > 1)
    if twice:
        raise SuiteError(f"would share a port: {', '.join(twice)}; choose others by PORT_<NAME>=…")
    keys = wanted_payload_keys(directory, environ)
    mesh, otlp = wanted_mesh(directory, environ, runs), wanted_otlp(directory, environ)
    site = _site(suite, ports, environ, _Chosen(keys, mesh, otlp, hosts or {}, published or {}))
    if keys != payload_keys(directory):
        write_json(directory / "payload-keys.json", {"payload_keys": keys})
    settings = {
        "suite": suite,
        "directory": str(directory),
        "ports": ports,
        "mesh": site.mesh,
        "otlp": site.otlp,
        "urls": topology.urls(site),
        "hosts": dict(site.hosts),
        "published": dict(site.published),
        "admin_database_url": site.admin_database_url,
        "database_urls": {name: site.database_url(name) for name in topology.SERVICES},
    }
    write_json(directory / "suite.json", settings)
    return site


def load_site(suite: str) -> Site:
    """The suite as `make up` left it; raises SuiteError if it never ran."""
    directory = directory_of(suite)
    settings = read_json(directory / "suite.json")
    if not settings:
        raise SuiteError(f"there is no suite {suite!r} yet: `make up{option_of(suite)}` makes it")
    # a part that is new in this checkout has no port yet in a suite that an older one has made
    ports = topology.assign_ports(suite, settings["ports"])
    otlp = str(settings.get("otlp", ""))
    hosts, published = dict(settings.get("hosts", {})), dict(settings.get("published", {}))
    chosen = _Chosen(payload_keys(directory), has_mesh(directory), otlp, hosts, published)
    return _site(suite, ports, os.environ, chosen)


@dataclass(frozen=True)
class _Chosen:
    """How a suite is, as it was asked for."""

    keys: str
    mesh: bool
    otlp: str
    hosts: Mapping[str, str]
    published: Mapping[str, int]


def _site(suite: str, ports: Mapping[str, int], environ: Mapping[str, str], chosen: _Chosen) -> Site:
    directory = directory_of(suite)
    more, their_ports = scaled(directory)
    # each further instance is on a host of its own name, too
    own = {one.name: one.name for one in more} if chosen.hosts else {}
    return Site(
        ROOT,
        suite,
        {**ports, **their_ports},
        make_secrets(directory),
        programs.CONTAINED if chosen.hosts else programs.find(ROOT, environ),
        chosen.keys,
        workers(directory),
        chosen.mesh,
        # without the mesh nobody would spread calls over them
        more if chosen.mesh else (),
        chosen.otlp,
        {**chosen.hosts, **own},
        chosen.published,
    )
