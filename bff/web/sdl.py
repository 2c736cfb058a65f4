"""Write the schema to schema.graphql, for clients to read and generate code from; `--check` compares instead.

A change of the contract is then seen as what it is: `python -m bff.web.sdl`, or `make generate`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bff.web.schema import SCHEMA

FILE = Path(__file__).with_name("schema.graphql")


def main() -> None:
    """Write it, or fail when the committed one is another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = SCHEMA.as_str() + "\n"
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.is_file() or FILE.read_text() != text:
        sys.exit(f"bff/web/{FILE.name} is not the schema that is served: run `make generate`")


if __name__ == "__main__":
    main()
