"""A client of the graph, in the name of a user."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bff.web.app import AUDIENCE, PATH
from bff.web.tests.shop import ADA, ISSUER, Shop, running
from kit.testing.backing import Running
from kit.testing.serve_http import Event, events_of, serving_http

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: Json

    @property
    def data(self) -> Any:
        """What there is; nothing went wrong."""
        assert "errors" not in self.body, self.body
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        """Of the errors, in their order."""
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]


@dataclass
class Web:
    """The BFF, before its services."""

    http: httpx.AsyncClient
    running: Running[Shop]

    @property
    def shop(self) -> Shop:
        """What the services know."""
        return self.running.shop

    def headers(self, user: uuid.UUID | None, role: str = "customer") -> dict[str, str]:
        """Of a request by this user."""
        return {"authorization": f"Bearer {ISSUER.token(user, role, aud=AUDIENCE)}"} if user else {}

    async def ask(
        self,
        query: str,
        variables: Json | None = None,
        *,
        user: uuid.UUID | None = ADA,
        role: str = "customer",
        **more: Any,
    ) -> Answer:
        """Post a query."""
        body = {"query": query, "variables": variables or {}, **more}
        answer = await self.http.post(PATH, json=body, headers=self.headers(user, role))
        return Answer(answer.status_code, answer.json())

    @asynccontextmanager
    async def watch(
        self, order_id: str, user: uuid.UUID | None = ADA, query: str = "", seen: str = ""
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Subscribe to an order, behind the event that was seen last; yields its events as they come."""
        query = query or "subscription($id: UUID!) { orderStatus(orderId: $id) { version state } }"
        body = {"query": query, "variables": {"id": order_id}}
        sent = (
            self.headers(user) | {"accept": "text/event-stream"} | ({"last-event-id": seen} if seen else {})
        )
        async with self.http.stream("POST", PATH, json=body, headers=sent) as answer:
            assert answer.status_code == 200, await answer.aread()
            yield events_of(answer)


@asynccontextmanager
async def web(shop: Shop, profile: str = "dev", documents: str = "") -> AsyncIterator[Web]:
    """The BFF on a socket, before the services of a shop."""
    async with running(shop, profile, documents) as found, serving_http(found.app) as served:
        yield Web(served.client, found)
