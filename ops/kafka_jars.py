"""Fetch Kafka's jars by jgo and keep only files whose SHA-256 stands in the committed list.

Standard library only: this runs before the application's environment exists. To move to another
version, change VERSION and run `make lock`, which writes the list anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

VERSION = "4.3.1"
COORDINATE = f"org.apache.kafka:kafka_2.13:{VERSION}"
# Carries Kafka's messages to log4j, which Kafka brings along in the same version; without it they go nowhere.
# Resolved on its own: together with it jgo would choose other versions of what Kafka needs.
BINDING, BINDING_JAR = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4", "log4j-slf4j-impl-2.25.4.jar"
LIST = Path("ops", "kafka-jars.sha256")


class JarMismatchError(Exception):
    """The jars that were fetched are not those of the committed list."""


def sha256(path: Path) -> str:
    """Digest of a file as lower-case hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def expected(root: Path) -> dict[str, str]:
    """The committed list: file name to SHA-256, in the format of sha256sum."""
    lines = (root / LIST).read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def folder(root: Path) -> Path:
    """Where the verified jars of this version are kept."""
    return root / "var" / "kafka" / VERSION


def is_installed(root: Path) -> bool:
    """Whether the folder holds the files of today's list; it was verified when it was filled."""
    stamp = folder(root) / "stamp"
    return stamp.is_file() and stamp.read_text() == sha256(root / LIST)


def fetch(root: Path) -> list[Path]:
    """Kafka, everything it needs, and the binding of its log; downloads are cached under var/cache."""
    binding = [jar for jar in resolve(root, BINDING) if jar.name == BINDING_JAR]
    return resolve(root, COORDINATE) + binding


def resolve(root: Path, coordinate: str) -> list[Path]:
    """The jars of one Maven coordinate; JarMismatchError if jgo cannot get them."""
    cache = root / "var" / "cache"
    command = [
        str(root / "var/venv/servers/bin/python"), "-m", "jgo",
        "--ignore-config", "--resolver", "python", "--color", "plain",
        "--repo-cache", str(cache / "maven"), "--cache-dir", str(cache / "jgo"), "--timeout", "60",
        # `info classpath` would leave out the jars that are modules
        "info", "jars", coordinate,
    ]  # fmt: skip
    # HOME as well, so that nothing is read from or written to the user's own Maven folder
    environment = {**os.environ, "HOME": str(cache), "JAVA_HOME": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    jars = [Path(line.strip()) for line in done.stdout.splitlines() if line.strip().endswith(".jar")]
    if done.returncode or not jars:
        said = done.stderr.strip() or done.stdout.strip()
        raise JarMismatchError(f"jgo could not fetch {coordinate}:\n{said}")
    return jars


def install(root: Path) -> None:
    """Fill the folder with verified jars; raises JarMismatchError naming every wrong file."""
    wanted = expected(root)
    found = {jar.name: jar for jar in fetch(root)}
    wrong = sorted(
        name for name in wanted.keys() | found.keys()
        if name not in found or sha256(found[name]) != wanted.get(name)
    )  # fmt: skip
    if wrong:
        raise JarMismatchError(f"jars that differ from {LIST}: {', '.join(wrong)}")
    target = folder(root)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, jar in found.items():
        shutil.copyfile(jar, target / name)
    (target / "stamp").write_text(sha256(root / LIST))


def write_list(root: Path) -> None:
    """Write the list anew from what the registry serves now (part of `make lock`)."""
    lines = sorted(f"{sha256(jar)}  {jar.name}" for jar in fetch(root))
    (root / LIST).write_text("\n".join(sorted(lines, key=lambda line: line.split()[1])) + "\n")


if __name__ == "__main__":
    write_list(Path.cwd())
