"""Page tokens (AIP-158): where the next page starts, opaque to callers and bound to what was asked.

A token is the cursor and a hash of its scope, in base64url. It is not signed: whoever forges one sees
nothing that the query itself does not show, so a cursor must never widen what a caller may read.
"""

import base64
import hashlib
import json
from collections.abc import Sequence

from kit.errors import Problem, Violation

DEFAULT_SIZE = 20
MAX_SIZE = 100


def size(asked: int) -> int:
    """How many a page holds: 20 when nothing is asked for, never more than 100."""
    return min(asked, MAX_SIZE) or DEFAULT_SIZE


def encode(cursor: Sequence[str], scope: str) -> str:
    """The token of the page that follows `cursor`; `scope` says what is listed (method, filter, owner)."""
    text = json.dumps([_mark(scope), *cursor], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(token: str, scope: str, parts: int = 1) -> list[str]:
    """The cursor of a token, `parts` strings, and [] for the empty token (the first page).

    Raises PAGE_TOKEN_INVALID for a token that is broken or was given for another scope.
    """
    if not token:
        return []
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid() from error
    if not isinstance(found, list) or len(found) != parts + 1 or found[0] != _mark(scope):
        raise invalid()
    cursor = found[1:]
    if not all(isinstance(part, str) and _storable(part) for part in cursor):
        raise invalid()
    return cursor


def invalid() -> Problem:
    """What a caller is told about a bad token; also for a cursor whose parts are not what they should be."""
    said = "use the next_page_token of the page before, with the same other fields"
    return Problem("invalid", "PAGE_TOKEN_INVALID", said, violations=[Violation("page_token", said)])


def _mark(scope: str) -> str:
    return hashlib.sha256(scope.encode()).hexdigest()[:12]


def _storable(part: str) -> bool:
    """JSON can spell what PostgreSQL refuses: NUL, and half a surrogate pair."""
    return "\0" not in part and not any("\ud800" <= character <= "\udfff" for character in part)
