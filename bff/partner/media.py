"""The forms that requests and answers have: JSON, asked for and sent as such, and read strictly."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from kit import strict_json
from kit.errors import Problem

JSON = "application/json"
_TAKEN = {JSON, "application/*", "*/*"}


class StrictRequest(Request):
    """A request whose JSON is read already."""

    def __init__(self, request: Request, text: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._text, self._value = text, value

    async def body(self) -> bytes:
        """The body; the connection gives it only once."""
        return self._text

    async def json(self) -> Any:
        """What is in the body."""
        return self._value


def check_accept(request: Request) -> None:
    """Raises NOT_ACCEPTABLE if the client would not take JSON."""
    accepted = ",".join(request.headers.getlist("accept")) or "*/*"
    if not any(_takes_json(part) for part in accepted.split(",")):
        raise Problem(
            "invalid", "NOT_ACCEPTABLE", f"answers are {JSON}: ask for it by `accept`, or for nothing"
        )


async def read_json(request: Request) -> StrictRequest:
    """The request with its JSON. Raises UNSUPPORTED_MEDIA_TYPE, MALFORMED_JSON."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != JSON or charset not in ("", "charset=utf-8"):
        raise Problem("invalid", "UNSUPPORTED_MEDIA_TYPE", f"send the body as {JSON}, in UTF-8")
    body = await request.body()
    return StrictRequest(request, body, strict_json.loads(body))


def _takes_json(part: str) -> bool:
    kind, *parameters = part.lower().replace(" ", "").split(";")
    refused = any(parameter in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters)
    return kind in _TAKEN and not refused
