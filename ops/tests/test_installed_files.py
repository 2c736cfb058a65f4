"""What is unpacked in the environment: where two packages bring one file, the one that we chose stands."""

import base64
import hashlib
from collections import defaultdict
from importlib.metadata import distributions
from pathlib import Path

from ops.install import OVER_COPIES


def owners() -> dict[Path, dict[str, str]]:
    """Every unpacked Python file: by package that lists it, the SHA-256 that it lists."""
    found: dict[Path, dict[str, str]] = defaultdict(dict)
    for distribution in distributions():
        for path in distribution.files or ():
            if path.suffix in {".py", ".pyi"} and path.hash is not None:
                found[Path(path.locate()).resolve()][distribution.name] = path.hash.value
    return found


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256(file.read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_a_file_of_two_packages_is_that_of_the_package_installed_last() -> None:
    shared = {file: entries for file, entries in owners().items() if len(entries) > 1}
    assert shared  # else OVER_COPIES has no reason to exist any more
    for file, listed in shared.items():
        chosen = {listed[package] for package in OVER_COPIES if package in listed}
        assert (chosen or set(listed.values())) == {sha256_of(file)}, (file, sorted(listed))
