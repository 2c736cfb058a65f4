"""A program of a partner."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from bff.partner.tests.shop import ADA, Shop, running, token
from kit.testing.backing import Running
from kit.testing.serve_http import serving_http

ORDER: dict[str, Any] = {"lines": [{"sku": "MUG-BLUE", "quantity": 2}], "payment_token": "tok_approved"}
HOOK: dict[str, Any] = {"url": "https://shop.example/hooks", "event_types": ["order.confirmed"]}
ENDS: dict[str, dict[str, Any]] = {"create_order": ORDER, "create_webhook": HOOK}
"""What an operation wants to be sent, by its name."""


@dataclass
class Partner:
    """The backend, before its services."""

    http: httpx.AsyncClient
    running: Running[Shop]

    @property
    def shop(self) -> Shop:
        """What the services know."""
        return self.running.shop

    async def ask(
        self, method: str, path: str, *, who: str | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """One request, with a new key if it is a POST; `who` is a token, or "" for none."""
        headers = dict(more.pop("headers", {}))
        if who != "":
            headers["authorization"] = f"Bearer {who or token(ADA)}"
        if method == "POST" and key != "":
            headers["idempotency-key"] = key or f'"{uuid.uuid4()}"'
        return await self.http.request(method, f"/partner{path}", headers=headers, **more)


@asynccontextmanager
async def partner(shop: Shop) -> AsyncIterator[Partner]:
    """The backend on a socket, before the services of a shop."""
    async with running(shop) as found, serving_http(found.app) as served:
        yield Partner(served.client, found)


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that is a problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["code"]
