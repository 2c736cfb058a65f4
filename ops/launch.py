"""Become one part of the suite: read its prepared environment and command, then exec it.

    launch.py SUITE_DIRECTORY PART

Supervisor runs this, so that settings and passwords stand neither in its configuration nor in any
command line. `env/PART.json` is written by `make up`; tests may add `env/PART.override.json`, whose
variables win. The child's environment is exactly those files' and nothing of the caller's.
Standard library only, and started with -I -S: it costs every start about 15 ms.
"""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import sys
from pathlib import Path

# linux/prctl.h and linux/capability.h
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522


def read_plan(suite_directory: Path, part: str) -> tuple[list[str], dict[str, str], dict[str, int]]:
    """The part's command, its whole environment, and how it wants to run: `refuses_root`, `nice`."""
    folder = suite_directory / "env"
    plan = json.loads((folder / f"{part}.json").read_text())
    environment = dict(plan["environment"])
    override = folder / f"{part}.override.json"
    if override.is_file():
        environment.update(json.loads(override.read_text()))
    return plan["command"], environment, {name: plan.get(name, 0) for name in ("refuses_root", "nice")}


def step_down(owned: Path) -> None:
    """Give up root for `nobody`, who owns the given folder from then on.

    PostgreSQL refuses to run as root, and a checkout may lie below folders that only root may
    enter (/root, a mktemp folder). So one capability is kept over the change of user: passing
    through folders and reading files. Linux only; elsewhere the change of user alone must do.
    """
    nobody = pwd.getpwnam("nobody")
    # what it writes into the folder later is its own anyway
    os.chown(owned, nobody.pw_uid, nobody.pw_gid)
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if linux:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
        # else access(2), which initdb asks, forgets the capability of everyone but root
        libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    if linux:
        bit = 1 << CAP_DAC_READ_SEARCH
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        if libc.capset(header, data) == 0:
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0)


def main(arguments: list[str]) -> None:
    """Replace this process by the part."""
    directory, part = Path(arguments[0]).absolute(), arguments[1]
    command, environment, wants = read_plan(directory, part)
    os.nice(wants["nice"])
    if wants["refuses_root"] and os.geteuid() == 0:
        step_down(directory / "postgres")
    # `make down` finds processes by this variable when supervisor is gone
    environment["ORDERMESH_SUITE_DIR"] = str(directory)
    os.execve(command[0], command, environment)  # noqa: S606 - the command is ours, no shell


if __name__ == "__main__":
    main(sys.argv[1:])
