"""`make test`: checks, unit tests, then everything that needs servers, with a suite of its own in the end.

The suite has its own ports and state, so it runs beside others. It begins empty and is removed in the
end, whatever happens; after a failure its logs stay in var/test-logs. All stages run, unless the suite
does not come up; the exit code is the first failure's. `make test-long` runs only the longer fault and
load runs, in the same way.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from types import FrameType

from ops import state, storage

SUITE = os.environ.get("TEST_SUITE", "test")
LONG = "long" in sys.argv[1:]
LOCK = state.ROOT / "var" / f"run-tests-{SUITE}.lock"
LOGS = state.ROOT / "var" / "test-logs"
CONFORMANCE = "tests/conformance"
SHORT = "not long and not engine"
ALONE = f"not postgres and not kafka and not suite and {SHORT}"
"""Tests that need nothing that runs already."""
PATIENCE = 30.0
"""Seconds that a stage has to end after Ctrl-C."""
OVERRIDES = {"orders": {"ORDERS_LEASE_SECONDS": "3", "ORDERS_SWEEP_SECONDS": "0.5"}}
"""A crash is found sooner than in production, so that a test need not wait for it."""


def environment(**more: str) -> dict[str, str]:
    """The caller's, without its choice of ports, which is meant for a suite that it uses itself."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PORT_")}
    path = f"{state.ROOT}:{state.ROOT / 'protos' / 'gen' / 'python'}"
    return own | {"PYTHONPATH": path, "SUITE": SUITE} | more


def stage(heading: str, *arguments: str, environ: Mapping[str, str] | None = None) -> int:
    """Run one stage by this interpreter under its heading, and say how long it took; its exit code."""
    print(f"\n=== {heading}", flush=True)
    began = time.monotonic()
    command = [sys.executable, *arguments]
    # in a group of its own: a Ctrl-C reaches it through us, once, so that it can put things in order
    with subprocess.Popen(command, cwd=state.ROOT, env=environ or environment(), process_group=0) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            end(process)
            raise
    verdict = "passed" if code == 0 else f"FAILED ({code})"
    print(f"=== {heading}: {verdict}, {time.monotonic() - began:.1f} s", flush=True)
    return code


def end(process: subprocess.Popen[bytes]) -> None:
    """Let a stage end by itself, with the fixtures of its tests; kill what does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def static_stages() -> list[int]:
    """What needs no server; the exit codes."""
    return [
        stage("checks", "-m", "ops.run_checks"),
        stage("unit tests", "-m", "pytest", "-n", "auto", "-m", f"not processes and {ALONE}"),
        stage("tests with processes of their own", "-m", "pytest", "-m", f"processes and {ALONE}"),
    ]


def suite_stages() -> list[int]:
    """What needs the suite, from its start to its audit; the exit codes."""
    remove_suite()
    site = state.create_site(SUITE, {})
    for part, override in OVERRIDES.items():
        storage.write_override(site, part, override)
    if code := stage(f"suite {SUITE}: up", "-m", "ops.cli", "up"):
        return [code]
    environ = environment(
        ORDERMESH_TEST_POSTGRES=site.admin_database_url,
        ORDERMESH_TEST_KAFKA=site.address("kafka"),
    )
    if LONG:
        return [stage("long runs", "-m", "pytest", "-s", "-m", "long", environ=environ)]
    marked = ("-m", "pytest", "-m", f"(postgres or kafka or suite) and {SHORT}")
    return [
        stage("grpcurl", "-m", "ops.grpcurl"),
        stage("tests with servers", *marked, "--ignore", CONFORMANCE, environ=environ),
        stage(f"audit of suite {SUITE}", "-m", "ops.cli", "audit"),
        # last, for it leaves payments and reservations that no order explains
        stage("conformance of every service", *marked, CONFORMANCE, environ=environ),
        stage(
            "the suite in containers, if an engine answers", "-m", "pytest", "-m", "engine", "tests/engine"
        ),
    ]


def remove_suite() -> int:
    """Stop the suite and forget its state."""
    return stage(f"suite {SUITE}: removed", "-m", "ops.cli", "reset")


def keep_logs() -> None:
    """Save the suite's logs from its removal."""
    logs = state.directory_of(SUITE) / "logs"
    if logs.is_dir():
        shutil.copytree(logs, LOGS, dirs_exist_ok=True)
        print(f"\nThe logs of the suite are kept in {LOGS.relative_to(state.ROOT)}.", flush=True)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C and SIGTERM, in the background too: the suite is removed before we end."""
    raise KeyboardInterrupt


def main() -> int:
    """Run all stages, unless another run has the suite."""
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Another run has the suite {SUITE}: wait for it, or say TEST_SUITE=another.")
            return 1
        return run()


def run() -> int:
    """Run all stages."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    shutil.rmtree(LOGS, ignore_errors=True)
    began, codes = time.monotonic(), [130]
    try:
        codes = [] if LONG else static_stages()
        codes += suite_stages()
    except KeyboardInterrupt:
        codes.append(130)
    finally:
        # a second Ctrl-C must not leave processes behind
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if any(codes):
            keep_logs()
        codes.append(remove_suite())
    failed = next((code for code in codes if code), 0)
    print(f"\n{'FAILED' if failed else 'All passed'} in {time.monotonic() - began:.0f} s.", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
