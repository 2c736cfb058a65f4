"""Files that only their owner reads: replaced at once, flushed to the disk, refused if others can read them.

A reader sees the file as it was before or as it is after, never half of it, whenever the writer dies.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Unreadable(Exception):
    """A file is there and does not hold what we wrote; nothing is made up in its place."""


class TooOpen(Exception):
    """Others than the owner may read or change a file that holds a secret."""


def make_folder(directory: Path) -> None:
    """The folder, open to its owner only. A wider one is narrowed: its files have modes of their own."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if stat.S_IMODE(directory.stat().st_mode) != 0o700:
        directory.chmod(0o700)


def write(path: Path, text: str) -> None:
    """Replace a file at once; when this returns, a power cut cannot bring the old one back."""
    temporary = path.with_name(path.name + ".new")
    # Left by a writer that died, perhaps with another mode, which opening it would keep.
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _flush_folder(path.parent)


def read(path: Path) -> str | None:
    """What is in a file, None if there is none; raises TooOpen, or Unreadable if it is not text."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise TooOpen(f"{path} has mode {mode:04o}: remove it, or `chmod 600` if nobody has read it")
            return file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        # The original error holds the bytes, which are secret.
        raise Unreadable(f"{path} is not text") from None


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Held by who changes files in this folder; others, threads too, wait. Freed if its holder dies."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _flush_folder(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
