"""The doors of the Makefile where `RUNTIME=compose`: `docker compose` starts and stops a suite, every other
command runs in a container on the suite's network, and then goes the same way as natively.

    python -m ops.compose.door COMMAND [WORD …]

Standard library only, run by the machine's own Python: nothing is installed for it. SUITE names the suite, a
compose project `ordermesh-<suite>` with ports of its own; variables given to `make` are passed on.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops import topology
from ops.compose import engines, site
from ops.errors import SuiteError

ROOT = Path(__file__).resolve().parent.parent.parent
REMEMBERED = "runtime"
"""The file in a suite's folder by which later commands know that it runs in containers."""
TEMPORAL = "temporal-store"
"""The file by which they know that Temporal is not the dev server; its workflows stay where they are."""
OVER = Path("deploy", f"{site.PRODUCTION_LIKE}.yaml")
NOT_HERE = {"MESH": "off", "PAYLOAD_KEYS": "", "VERSIONED": ""}
"""What only the native suite can do, by its variable; with a value, only that value."""
WITHOUT_MESH = frozenset({"lab_mesh"})


class Door:
    """One suite in containers, as it is called from the machine that they run on."""

    def __init__(self, suite: str, environ: Mapping[str, str]) -> None:
        self.suite = suite
        self._environ = environ
        self._folder = ROOT / "var" / "suites" / suite

    def up(self) -> int:
        """Build what has changed, start everything, wait until all is healthy, and say where it is."""
        refuse_what_is_native(self._environ)
        engines.check()
        self._remember()
        code = self.compose("up", "--detach", "--build", "--remove-orphans") or self._show_authority()
        return code or self.run("-m", "ops.compose.ready")

    def _remember(self) -> None:
        """Keep what later commands must know. SuiteError for another Temporal than the suite began with."""
        remembered, store = self._folder / REMEMBERED, self._folder / TEMPORAL
        wanted = self._environ.get(site.TEMPORAL, "")
        if wanted not in ("", site.PRODUCTION_LIKE):
            raise SuiteError(f"{site.TEMPORAL}={wanted}: it is {site.PRODUCTION_LIKE}, or left out")
        if wanted and remembered.exists() and not store.exists():
            raise SuiteError(
                f"this suite began with Temporal's dev server and has its workflows there: `make reset` "
                f"first, or leave out {site.TEMPORAL}={wanted}"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        if wanted:
            store.write_text(f"{wanted}\n")
        remembered.write_text("compose\n")

    def _show_authority(self) -> int:
        """Lay the certificate of the edge's authority where it is natively: who calls by TLS trusts it."""
        place = Path("tls", "ca.crt")
        words = ("run", "--rm", "--no-deps", "--no-TTY", "ops", "cat", f"var/suites/{site.SUITE}/{place}")
        done = subprocess.run(
            self._command(*words), cwd=ROOT, env=self._whole(), capture_output=True, check=False
        )
        (self._folder / place).parent.mkdir(exist_ok=True)
        (self._folder / place).write_bytes(done.stdout)
        return done.returncode

    def down(self) -> int:
        """Stop everything; data stays in its volumes."""
        return self.compose("--profile", "*", "down", "--remove-orphans")

    def reset(self) -> int:
        """Stop everything, and remove all volumes."""
        code = self.compose("--profile", "*", "down", "--remove-orphans", "--volumes")
        if code == 0:
            shutil.rmtree(self._folder, ignore_errors=True)
        return code

    def logs(self, words: Sequence[str]) -> int:
        """The last lines of one part's log, or of all; with --follow also what comes."""
        return self.compose("logs", "--tail", "100", *words)

    def command(self, words: Sequence[str]) -> int:
        """Every other command of `ops.cli`. Compose first makes the containers of a second instance."""
        if words[0] in WITHOUT_MESH:
            raise SuiteError(
                f"{words[0]} compares with a suite without the mesh: natively only, RUNTIME=native"
            )
        service = self._environ.get("S", "")
        if words[0] == "scale" and service in topology.WORKLOADS and self._environ.get("N", "1") != "1":
            containers = site.of_instance(f"{service}-{site.SECOND}")
            made = self.compose("--profile", "scaled", "up", "--no-start", "--no-recreate", *containers)
            if made:
                return made
        return self.run("-m", "ops.cli", *words)

    def test(self, words: Sequence[str]) -> int:
        """The tests that need a running suite, in a container that has them; the words are pytest's."""
        code = self.compose("build", "tests")
        return code or self.run("-m", "tests.engine.inside", *words, service="tests")

    def run(self, *words: str, service: str = "ops") -> int:
        """Python in a container of its own, which may ask the engine too, for as long as the command runs."""
        path, group = engines.socket()
        given = [word for name in self._given() for word in ("--env", name)]
        terminal = () if sys.stdin.isatty() and sys.stdout.isatty() else ("--no-TTY",)
        mounted = ("--volume", f"{path}:/var/run/docker.sock", "--user", f"{engines.USER}:{group}")
        return self.compose(
            "run", "--rm", "--no-deps", *terminal, *mounted, *given, service, site.PYTHON, *words
        )

    def compose(self, *words: str) -> int:
        """Call `docker compose` for this suite; its exit status."""
        return subprocess.run(self._command(*words), cwd=ROOT, env=self._whole(), check=False).returncode

    def _command(self, *words: str) -> tuple[str, ...]:
        over = (self._folder / TEMPORAL).exists()
        files = ("--file", "compose.yaml", "--file", str(OVER)) if over else ()
        return ("docker", "compose", "--project-name", f"ordermesh-{self.suite}", *files, *words)

    def _whole(self) -> dict[str, str]:
        """The caller's environment, with the ports of this suite unless he has chosen others."""
        ports = topology.assign_ports(self.suite)
        chosen = {f"PORT_{name.upper()}": str(port) for name, port in ports.items()}
        return chosen | dict(self._environ)

    def _given(self) -> list[str]:
        """The variables that were given to `make`, and those by which a door says what it means."""
        given = shlex.split(self._environ.get("MAKEFLAGS", "").partition("-- ")[2])
        names = [word.partition("=")[0] for word in given if "=" in word]
        ports = [name for name in self._whole() if name.startswith("PORT_")]
        passed = {*names, *ports, *(["USER"] if "token" in sys.argv else [])}
        return sorted(passed - {"SUITE", "RUNTIME", "PYTHON"})


def refuse_what_is_native(environ: Mapping[str, str]) -> None:
    """SuiteError for what the suite in containers does not know."""
    for name, only in NOT_HERE.items():
        if (value := environ.get(name, "")) and value in (only or value):
            raise SuiteError(
                f"{name}={value}: only natively so far; leave it out, or leave out RUNTIME=compose"
            )


def main(words: list[str]) -> int:
    """Go through one door; an expected error is a sentence."""
    door = Door(os.environ.get("SUITE", "main"), os.environ)
    try:
        if words[0] in ("up", "down", "reset"):
            return {"up": door.up, "down": door.down, "reset": door.reset}[words[0]]()
        if words[0] in ("logs", "test"):
            return {"logs": door.logs, "test": door.test}[words[0]](words[1:])
        return door.command(words)
    except SuiteError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
