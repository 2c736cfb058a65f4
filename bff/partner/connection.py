"""What a route is given of its application: the services behind."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from bff.partner.backends import Backends


async def _backends(request: Request) -> Backends:
    found: Backends = request.app.state.backends
    return found


Services = Annotated[Backends, Depends(_backends)]
"""A parameter of every route."""
