"""Pages: `limit` and `cursor` in the query; `next_cursor` in the answer, and a Link header to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response


class Page(BaseModel):
    """Which page is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100, description="How many entries at most.")
    cursor: str = Field(
        "",
        max_length=500,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="`next_cursor` of the page before; without it the list begins.",
    )


PageQuery = Annotated[Page, Query()]


def linked(request: Request, response: Response, next_cursor: str) -> str | None:
    """What the answer says of the next page, which its Link header names as well (RFC 8288)."""
    if not next_cursor:
        return None
    url = request.url.include_query_params(cursor=next_cursor)
    response.headers["link"] = f'<{url.path}?{url.query}>; rel="next"'
    return next_cursor
