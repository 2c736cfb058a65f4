"""Applies an edit to the policy's file: valid or not at all, and after every other edit, never beside one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from mesh import private_files
from mesh.policy_nodes import Mistake, PolicyError
from mesh.policy_reading import parse, text_of


def apply(path: Path, edit: Callable[[str], str]) -> bool:
    """Whether the edit changed the file. Raises PolicyError if it would be wrong then; nothing is changed.

    Its folder is locked meanwhile, so that two commands at once lose nothing; the control plane, which only
    reads, sees the file as it was or as it is.
    """
    path = path.resolve()  # a link stays one
    text_of(path)  # a wrong path is said so, before its folder is locked
    with private_files.exclusive(path.parent):
        before = text_of(path)
        after = edit(before)
        parse(after)
        if after != before:
            _replace(path, after)
        return after != before


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, new)
        new.replace(path)
    except OSError as error:
        raise PolicyError([Mistake(0, f"{new} cannot be written: {error.strerror}")]) from None
