"""Copies of the worker's code: `make up VERSIONED=1` runs each build from one, named by what is in it.

A build is what its sources say: workflows, kit and generated protos, without their tests. The packages that
it imports are those of the environment and belong to no build.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

SOURCES = ("workflows", "kit", "protos/gen/python")
LEFT_OUT = frozenset({"tests", "testing", "__pycache__"})
DIGITS = 10
UNFINISHED = "unfinished"
ENVIRONMENT = "environment.json"
OFFERED = "offered"


def sources(root: Path) -> list[Path]:
    """The Python files that a worker can run, relative to the checkout, in a fixed order."""
    found = [path.relative_to(root) for folder in SOURCES for path in (root / folder).rglob("*.py")]
    return sorted(path for path in found if LEFT_OUT.isdisjoint(path.parts))


def build_id(root: Path) -> str:
    """The same as long as no source changes, is added, moved or removed."""
    digest = hashlib.sha256()
    for path in sources(root):
        content = (root / path).read_bytes()
        digest.update(f"{path.as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:DIGITS]


def keep(root: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """Copy the checkout's worker into the folder, unless it is there already; its build id."""
    build = build_id(root)
    if (folder / build).is_dir():
        return build
    copy = folder / UNFINISHED
    shutil.rmtree(copy, ignore_errors=True)
    for path in sources(root):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, copy / path)
    (copy / ENVIRONMENT).write_text(json.dumps(dict(environment), indent=2) + "\n")
    build = build_id(copy)  # the checkout may have changed meanwhile
    forget(folder, build)
    copy.rename(folder / build)
    return build


def kept(folder: Path) -> dict[str, dict[str, str]]:
    """The builds in a folder, each with the environment that it was made for; the oldest first."""
    if not folder.is_dir():
        return {}
    found = [path for path in folder.iterdir() if re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", path.name)]
    found.sort(key=lambda path: (path.stat().st_mtime, path.name))
    return {path.name: dict(json.loads((path / ENVIRONMENT).read_text())) for path in found}


def offer(folder: Path, build: str) -> None:
    """Note that from now on workflows may be pinned to it."""
    (folder / build / OFFERED).touch()


def drop_unoffered(folder: Path, besides: str) -> None:
    """Remove the builds that never came so far as to be given a workflow, such as one that did not start."""
    for build in kept(folder):
        if build != besides and not (folder / build / OFFERED).is_file():
            forget(folder, build)


def forget(folder: Path, build: str) -> None:
    """Remove a build."""
    shutil.rmtree(folder / build, ignore_errors=True)
