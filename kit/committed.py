"""Contracts that are made from the code and committed beside it: a change of one is then seen as what it is.

A module that makes one writes it when it is run, and with `--check` compares instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def write_or_compare(files: Mapping[Path, str], what: str) -> None:
    """Write each file, or with `--check` exit with 1 for one that is not `what`, such as "the schema that is
    served".
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    for path, text in files.items():
        if not check:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            sys.exit(f"{path.relative_to(ROOT)} is not {what}: run `make generate`")
