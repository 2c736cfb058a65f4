"""What is kept privately is whole, and nobody else's to read."""

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh import private_files
from mesh.private_files import TooOpen, Unreadable


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_files_and_folders_are_the_owners_whatever_the_umask(tmp_path: Path, open_umask: None) -> None:
    folder = tmp_path / "mesh" / "ca"
    private_files.make_folder(folder)
    private_files.write(folder / "key", "secret")
    assert (mode(folder), mode(folder / "key")) == (0o700, 0o600)


def test_a_folder_that_was_wider_is_narrowed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private_files.make_folder(tmp_path)
    assert mode(tmp_path) == 0o700


def test_what_a_dead_writer_left_is_neither_read_nor_in_the_way(tmp_path: Path) -> None:
    private_files.write(tmp_path / "key", "old")
    left = tmp_path / "key.new"
    left.write_text("ha")
    left.chmod(0o644)
    assert private_files.read(tmp_path / "key") == "old"
    private_files.write(tmp_path / "key", "new")
    assert private_files.read(tmp_path / "key") == "new"
    assert mode(tmp_path / "key") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_writer_that_dies_before_the_end_leaves_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private_files.write(tmp_path / "key", "old")

    def die(descriptor: int) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", die)
        with pytest.raises(OSError, match="no space"):
            private_files.write(tmp_path / "key", "new")
    assert private_files.read(tmp_path / "key") == "old"


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o620, 0o644, 0o666])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, wide: int) -> None:
    private_files.write(tmp_path / "key", "secret")
    (tmp_path / "key").chmod(wide)
    with pytest.raises(TooOpen, match=f"mode {wide:04o}") as caught:
        private_files.read(tmp_path / "key")
    assert "secret" not in str(caught.value)


def test_what_is_not_there_is_nothing_and_what_is_not_text_is_refused(tmp_path: Path) -> None:
    assert private_files.read(tmp_path / "key") is None
    private_files.write(tmp_path / "key", "")
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(Unreadable, match="not text"):
        private_files.read(tmp_path / "key")


def test_only_one_changes_a_folder_at_a_time(tmp_path: Path) -> None:
    other = os.open(tmp_path, os.O_RDONLY)
    try:
        with private_files.exclusive(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(other)
