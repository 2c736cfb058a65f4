"""Write the schema to schema.graphql, for clients to read and generate code from; `--check` compares instead.

A change of the contract is then seen as what it is: `python -m bff.web.sdl`, or `make generate`.
"""

from __future__ import annotations

from pathlib import Path

from bff.web.schema import SCHEMA
from kit.committed import write_or_compare

FILE = Path(__file__).with_name("schema.graphql")


def main() -> None:
    """Write it, or fail when the committed one is another."""
    write_or_compare({FILE: SCHEMA.as_str() + "\n"}, "the schema that is served")


if __name__ == "__main__":
    main()
