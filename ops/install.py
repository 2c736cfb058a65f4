"""Make the environments and fetch the servers that `make up` needs; quick when all is there.

Standard library only: it is run by the machine's own Python, before any environment exists. Each
environment carries a stamp (the digest of its lock file and of Python's version), so that a second
run reads a few small files and does nothing. Everything is written under var/.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ops import kafka_jars

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / "var" / "venv"
REPORT = ROOT / "var" / "install.json"
LOCKS = {"app": "requirements.lock", "servers": "requirements-servers.lock"}
BOOTSTRAP_LOCK = "requirements-bootstrap.lock"
IMAGE_LOCK = "requirements-image.lock"
"""What the image of the Python parts holds, see deploy/Dockerfile; at the versions of the other two."""
# xds-protos carries old copies of files of these two, and uv unpacks packages in no fixed order
OVER_COPIES = ("opentelemetry-proto", "googleapis-common-protos")
MINIMUM_PYTHON = (3, 11)
DISK_NEEDED = 3 * 10**9  # bytes: about 1 GB of packages and their cache, and room for data


class InstallError(Exception):
    """Installing cannot go on; the text says what is wrong and the way out."""


def stamp_of(lock: Path, python: str = sys.version) -> str:
    """What an environment was made from: the lock's content and the interpreter's version."""
    return hashlib.sha256(lock.read_bytes() + python.encode()).hexdigest()


def is_current(environment: Path, lock: Path) -> bool:
    """Whether the environment was completed from this very lock and Python."""
    stamp = environment / "ordermesh-stamp"
    return stamp.is_file() and stamp.read_text() == stamp_of(lock)


def run(*command: str) -> None:
    """Run one step; on failure raise InstallError with the end of what it printed."""
    environment = {
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_CACHE_DIR": str(ROOT / "var" / "cache" / "uv"),
        "UV_LINK_MODE": "hardlink",
        "PIP_CACHE_DIR": str(ROOT / "var" / "cache" / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise InstallError(f"`{' '.join(command[:6])} …` failed:\n{tail}\nIs the package registry reachable?")


def make_bootstrap() -> None:
    """An environment that holds only uv, installed by pip from hashes."""
    environment, lock = VENVS / "bootstrap", ROOT / BOOTSTRAP_LOCK
    if is_current(environment, lock):
        return
    shutil.rmtree(environment, ignore_errors=True)
    run(sys.executable, "-m", "venv", str(environment))
    run(str(environment / "bin/python"), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(lock))
    (environment / "ordermesh-stamp").write_text(stamp_of(lock))


def make_environment(name: str, lock_name: str = "") -> None:
    """One environment, exactly what its lock says."""
    environment, lock = VENVS / name, ROOT / (lock_name or LOCKS[name])
    if is_current(environment, lock):
        return
    uv = str(VENVS / "bootstrap/bin/uv")
    (environment / "ordermesh-stamp").unlink(missing_ok=True)  # a broken install must not look complete
    if not (environment / "bin/python").exists():
        run(uv, "venv", "-q", "--clear", "--no-project", "--python", sys.executable, str(environment))
    # compiled once here, else the first start compiles the same modules in ten processes at a time
    options = ("--require-hashes", "--compile-bytecode") if name == "app" else ("--require-hashes",)
    python = ("--python", str(environment / "bin/python"))
    run(uv, "pip", "sync", "-q", *options, *python, str(lock))
    if name == "app":
        over = [f"--reinstall-package={package}" for package in OVER_COPIES]
        run(uv, "pip", "install", "-q", *options, *python, "--no-deps", *over, "-r", str(lock))
    (environment / "ordermesh-stamp").write_text(stamp_of(lock))


def make_servers() -> None:
    """The servers' environment, then Kafka's jars, which jgo (part of it) fetches."""
    make_environment("servers")
    if not kafka_jars.is_installed(ROOT):
        kafka_jars.install(ROOT)


def make_image_environment() -> None:
    """What our image holds, where a checkout has its own: what the parts need, no tools to change them."""
    (ROOT / "var").mkdir(exist_ok=True)
    make_bootstrap()
    make_environment("app", IMAGE_LOCK)


def check_machine() -> None:
    """What installing itself needs; raises InstallError naming the way out."""
    if sys.version_info < MINIMUM_PYTHON:
        raise InstallError(
            f"Python {sys.version.split()[0]} is too old: OrderMesh needs 3.11 or newer. "
            "Install one and say `make up PYTHON=python3.11`."
        )
    try:
        import ensurepip  # noqa: F401 - Debian ships Python without it unless python3-venv is installed
        import venv  # noqa: F401
    except ImportError as error:
        raise InstallError(
            "This Python cannot make virtual environments: on Debian or Ubuntu `apt install python3-venv`."
        ) from error


def check_disk() -> None:
    """Room for the packages, before the first byte is fetched."""
    free = shutil.disk_usage(ROOT).free
    if free < DISK_NEEDED:
        raise InstallError(
            f"Only {free / 1e9:.1f} GB are free under {ROOT}; {DISK_NEEDED / 1e9:.0f} GB are needed. "
            "Free some space or clone to another disk."
        )


def received_bytes() -> int:
    """Bytes received since boot by every interface but loopback; 0 where the system does not tell."""
    counters = Path("/proc/net/dev")
    if not counters.is_file():
        return 0
    rows = (line.split(":") for line in counters.read_text().splitlines()[2:])
    return sum(int(values.split()[0]) for name, values in rows if name.strip() != "lo")


def is_complete() -> bool:
    """Whether there is nothing to install."""
    current = all(is_current(VENVS / name, ROOT / lock) for name, lock in LOCKS.items())
    return current and kafka_jars.is_installed(ROOT)


def install() -> None:
    """Install what is missing; the two environments at the same time, for each waits on the network."""
    check_disk()
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var" / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second `make` waits, and then finds everything done
        if not is_complete():
            _install()


def _install() -> None:
    print("Installing into var/ (packages from their registries, checked by hash) …", flush=True)
    make_bootstrap()
    with ThreadPoolExecutor() as pool:
        for step in [pool.submit(make_environment, "app"), pool.submit(make_servers)]:
            step.result()


def main() -> int:
    """Install, and leave the time and the megabytes for `make up` to print."""
    started, received = time.monotonic(), received_bytes()
    report = {"seconds": 0.0, "megabytes": 0.0}
    try:
        check_machine()
        if not is_complete():
            install()
            report = {
                "seconds": round(time.monotonic() - started, 1),
                "megabytes": round((received_bytes() - received) / 1e6, 1),
            }
            print(f"Installed in {report['seconds']} s, {report['megabytes']} MB fetched.", flush=True)
    except (InstallError, kafka_jars.JarMismatchError) as error:
        print(f"Cannot install: {error}", file=sys.stderr)
        return 1
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
