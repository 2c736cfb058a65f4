"""GraphiQL, a page to try queries in, served by the part itself, without the internet. Profile `dev` only."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

ADDRESS = "/web/graphiql"
ASSETS = Path(__file__).parent / "assets"
"""The page, and what it needs from others; see THIRD-PARTY.md there."""
HTML = "text/html"
HEADERS = {
    # what it runs and asks comes from here alone; the editor sets styles in elements
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "max-age=3600",
}


def routes() -> list[Route]:
    """The page at its address, and each of its files beside it."""
    files = [path for path in sorted(ASSETS.iterdir()) if path.suffix in (".html", ".js", ".css")]
    return [_file(ADDRESS if path.suffix == ".html" else f"{ADDRESS}/{path.name}", path) for path in files]


def is_for(request: Request) -> bool:
    """Whether somebody has opened the graph's own address in a browser."""
    asks = "query" in request.query_params or "documentId" in request.query_params
    return request.method == "GET" and HTML in request.headers.get("accept", "") and not asks


def redirect() -> Response:
    """Send a browser to the page."""
    return RedirectResponse(ADDRESS)


def _file(address: str, path: Path) -> Route:
    kind, content = mimetypes.guess_type(path.name)[0], path.read_bytes()

    async def serve(request: Request) -> Response:
        return Response(content, headers=HEADERS, media_type=kind)

    return Route(address, serve, methods=["GET"])
