"""JSON as strictly as its standard allows to be read (RFC 8259, I-JSON), for bodies from outside.

Python's reader takes more: NaN, names that stand twice (the last wins), half surrogates, any depth. Two
readers that disagree on what a request says are a hole; so such a request is refused.
"""

from __future__ import annotations

import json
from typing import Any

from kit.errors import Problem

MAX_DEPTH = 32


def loads(body: bytes, *, half_pairs: bool = False) -> Any:
    """The value in a body. Raises MALFORMED_JSON with the place of the mistake. Halves of surrogate pairs are
    let through where whoever looks at the fields names them better.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise _malformed("a byte order mark stands before it; leave it out")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise _malformed(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:  # a number with more digits than Python reads
        raise _malformed("a number has too many digits") from None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    if "\\u" in text and not half_pairs:
        _check_surrogates(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _malformed(f"the name {json.dumps(twice)[:60]} stands twice in an object")
    return found


def _constant(name: str) -> Any:
    raise _malformed(f"{name} is no JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        level = [one for one in inner if isinstance(one, dict | list)]
        if not level:
            return
    raise _too_deep()


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _malformed("a \\u escape is half of a pair") from None


def _too_deep() -> Problem:
    return _malformed(f"it is nested deeper than {MAX_DEPTH} levels")


def _malformed(said: str) -> Problem:
    return Problem("invalid", "MALFORMED_JSON", f"the body is not JSON that can be taken: {said}")
