"""An app on a telephone, in the name of a user."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bff.mobile.app import AUDIENCE
from bff.mobile.routes import PREFIX
from bff.mobile.tests.shop import ADA, ISSUER, Shop, running
from kit.testing.backing import Running
from kit.testing.serve_http import Event, events_of, serving_http

Json = dict[str, Any]
EVENT_STREAM = {"accept": "text/event-stream"}
CART: Json = {"l": [{"k": "MUG-BLUE", "q": 2}], "pay": "tok_approved"}


@dataclass
class Mobile:
    """The BFF, before its services."""

    http: httpx.AsyncClient
    running: Running[Shop]

    @property
    def shop(self) -> Shop:
        """What the services know."""
        return self.running.shop

    async def get(
        self, path: str, user: uuid.UUID | None = ADA, headers: Json | None = None, **more: Any
    ) -> httpx.Response:
        """Ask for a screen."""
        return await self.http.get(f"{PREFIX}{path}", headers=as_user(user) | (headers or {}), **more)

    async def post(
        self, path: str, body: Any = None, user: uuid.UUID | None = ADA, headers: Json | None = None
    ) -> httpx.Response:
        """Send something."""
        return await self.http.post(f"{PREFIX}{path}", json=body, headers=as_user(user) | (headers or {}))

    async def check_out(self, cart: Json, key: str, user: uuid.UUID = ADA) -> httpx.Response:
        """Place an order."""
        return await self.post("/checkout", cart, user, {"idempotency-key": key})

    @asynccontextmanager
    async def watch(
        self, order_id: str, seen: str = "", after: int = 0
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Follow an order behind the event that was seen last; yields its events as they come."""
        sent = as_user(ADA) | EVENT_STREAM | ({"last-event-id": seen} if seen else {})
        path = f"{PREFIX}/orders/{order_id}/events?after={after}"
        async with self.http.stream("GET", path, headers=sent) as answer:
            assert answer.status_code == 200, await answer.aread()
            yield events_of(answer)


def as_user(user: uuid.UUID | None) -> dict[str, str]:
    """The headers of a request by this user."""
    return {"authorization": f"Bearer {ISSUER.token(user, aud=AUDIENCE)}"} if user else {}


@asynccontextmanager
async def mobile(shop: Shop) -> AsyncIterator[Mobile]:
    """The BFF on a socket, before the services of a shop."""
    async with running(shop) as found, serving_http(found.app) as served:
        yield Mobile(served.client, found)
