"""An edit of the file: whole or not at all, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from mesh.methods import SERVERS
from mesh.policy_edits import NewFault, with_fault, with_split
from mesh.policy_nodes import PolicyError
from mesh.policy_reading import load
from mesh.policy_writing import apply
from mesh.tests.texts import TEXT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "mesh.yaml"
    found.write_text(TEXT)
    found.chmod(0o644)
    return found


def fault(to: str) -> Callable[[str], str]:
    return partial(with_fault, fault=NewFault(to, delay="50ms"))


def test_an_edit_is_in_the_file_and_nothing_is_left_beside_it(path: Path) -> None:
    assert apply(path, fault("payments"))
    assert path.read_text() == with_fault(TEXT, NewFault("payments", delay="50ms"))
    assert [entry.name for entry in path.parent.iterdir()] == ["mesh.yaml"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_edit_of_what_is_so_already_leaves_the_file_alone(path: Path) -> None:
    apply(path, fault("payments"))
    before = path.stat()
    assert not apply(path, fault("payments"))
    assert path.stat().st_ino == before.st_ino


def test_an_edit_that_is_refused_is_never_written(path: Path) -> None:
    with pytest.raises(PolicyError, match="add up to 99"):
        apply(path, partial(with_split, workload="users", weights={"v1": 99}))
    with pytest.raises(PolicyError, match="unknown key `allows`"):
        apply(path, lambda text: text.replace("\nallow:", "\nallows:"))
    assert path.read_text() == TEXT


def test_a_file_that_cannot_be_read_or_written_is_said_so(path: Path) -> None:
    for wrong in (path.parent / "none.yaml", path.parent / "none" / "mesh.yaml"):
        with pytest.raises(PolicyError, match="cannot be read"):
            apply(wrong, fault("payments"))
    (path.parent / ".mesh.yaml.new").mkdir()
    with pytest.raises(PolicyError, match="cannot be written"):
        apply(path, fault("payments"))
    assert path.read_text() == TEXT


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "other" / "mesh.yaml"
    link.parent.mkdir()
    link.symlink_to(path)
    assert apply(link, fault("payments"))
    assert link.is_symlink()
    assert load(path).faults


def test_of_many_edits_at_once_none_is_lost(path: Path) -> None:
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        changed = list(pool.map(lambda name: apply(path, fault(name)), SERVERS))
    assert all(changed)
    assert {found.target for found in load(path).faults} == set(SERVERS)
