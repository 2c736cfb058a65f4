"""Write the contract to openapi.json, for clients to read and generate code from; `--check` compares instead.

A change of the contract is then seen as what it is: `python -m bff.mobile.openapi`, or `make generate`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.openapi.utils import get_openapi

from bff.mobile.routes import router
from kit.committed import write_or_compare
from kit.http_api import JSON
from kit.http_errors import MEDIA_TYPE

FILE = Path(__file__).with_name("openapi.json")
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")


@cache
def document() -> dict[str, Any]:
    """The contract, as OpenAPI 3.1."""
    found = get_openapi(
        title="OrderMesh for apps",
        version="1",
        description="One call a screen. Names are short; what there is nothing to say of is left out.",
        routes=router.routes,
    )
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"] = dict(_told(operation["responses"]))
    for name in _FRAMEWORKS_OWN:
        found["components"]["schemas"].pop(name, None)
    return found


def _told(responses: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The answers that there are; FastAPI adds one of its own wherever a header may be sent."""
    for status, answer in responses.items():
        if int(status) < 400:
            yield status, answer
        elif _FRAMEWORKS_OWN[0] not in str(answer):
            yield status, answer | {"content": {MEDIA_TYPE: answer["content"][JSON]}}


def main() -> None:
    """Write it, or fail when the committed one is another."""
    text = json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
    write_or_compare({FILE: text}, "the contract that is served")


if __name__ == "__main__":
    main()
