"""Documents that clients were built with, by the SHA-256 of their text. Where there are any, nothing else is
carried out: who calls can choose among them, and ask nothing new.

The file is JSON, `{"<sha256 in hex>": "<text>", …}`, as builds of clients write it. A request names one by
`documentId`, or sends its whole text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bff.web.documents import Asked
from bff.web.errors import Unusable


def read(path: str) -> Mapping[str, str]:
    """The documents in a file. Raises ValueError that says what is wrong with it."""
    try:
        found = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read as JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("should be an object: the SHA-256 of each document, and its text")
    wrong = [name for name, text in found.items() if name != _hash(text)]
    if wrong:
        raise ValueError(f"{wrong[0]} is not the SHA-256 of its text; build the file anew")
    return found


class Trusted:
    """Finds the document that a request means; without a list, any that it brings."""

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self._texts = texts

    def resolved(self, asked: Asked) -> Asked:
        """The request with its text. Raises Unusable."""
        if not asked.document_id and self._texts is None:
            return asked
        text = (self._texts or {}).get(asked.document_id or _hash(asked.query))
        if text is None:
            raise Unusable("DOCUMENT_NOT_ALLOWED", "no such document was handed in before")
        return replace(asked, query=text)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
