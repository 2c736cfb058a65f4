"""Idempotent requests (AIP-155): the same subject, method and request_id name the same answer.

The row is written in the transaction of the effect, so a repeat that comes at the same time waits at
the row until the first one is committed or rolled back. Each service that uses it has the table:

    create table requests (
        subject text, method text, request_id uuid, fingerprint bytea not null, answer text not null,
        create_time timestamptz not null default now(), primary key (subject, method, request_id));
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kit.errors import Problem

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from kit.database import Connection


@dataclass(frozen=True)
class RequestKey:
    """Which request this is, and a fingerprint of what it asks for."""

    subject: str
    method: str
    request_id: uuid.UUID
    fingerprint: bytes


def request_key(subject: uuid.UUID | str, request: Message) -> RequestKey:
    """The key of a request message that has a `request_id`; its method is the message's full name."""
    body = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    request_id = uuid.UUID(request.request_id)  # type: ignore[attr-defined]
    return RequestKey(str(subject), request.DESCRIPTOR.full_name, request_id, body)


async def claim(connection: Connection, key: RequestKey, answer: str) -> str | None:
    """Take a request whose effect will be known as `answer` (an id). None means that it is new; a repeat
    gets the answer of the first; other content under the same id is refused.
    """
    inserted = await connection.fetchval(
        """insert into requests (subject, method, request_id, fingerprint, answer)
           values ($1, $2, $3, $4, $5) on conflict do nothing returning true""",
        key.subject,
        key.method,
        key.request_id,
        key.fingerprint,
        answer,
    )
    if inserted:
        return None
    known = await recall(connection, key)
    if known is None:  # freed between the two statements
        raise Problem("conflict", "REQUEST_IN_PROGRESS", "the same request is under way; ask again")
    return known


async def recall(connection: Connection, key: RequestKey) -> str | None:
    """The answer of a request that came before; None if it did not. Other content is refused."""
    row = await connection.fetchrow(
        "select fingerprint, answer from requests where subject = $1 and method = $2 and request_id = $3",
        key.subject,
        key.method,
        key.request_id,
    )
    if row is None:
        return None
    if row["fingerprint"] != key.fingerprint:
        raise Problem(
            "invalid",
            "REQUEST_ID_MISMATCH",
            "this request_id was used with another content; use a new one for a new request",
        )
    return str(row["answer"])


async def free(connection: Connection, method: str, answer: str) -> None:
    """Forget a request, so that the same request_id begins anew. Wants an index on `answer`."""
    await connection.execute("delete from requests where answer = $1 and method = $2", answer, method)
