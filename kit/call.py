"""What a request carries with it: who calls, by which token, and how long the answer is awaited."""

import asyncio
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

from kit.errors import Problem

OPERATOR = "operator"


@dataclass(frozen=True)
class Caller:
    """The user whose token came with the request."""

    user_id: uuid.UUID
    role: str
    client_id: str = ""
    """The program that acts for the user by credentials of its own; empty for one who has signed in."""
    scopes: frozenset[str] = frozenset()
    """What such a program may do."""

    @property
    def is_operator(self) -> bool:
        """Operators see and do what belongs to others."""
        return self.role == OPERATOR


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)
_authorization: ContextVar[str | None] = ContextVar("authorization", default=None)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def set_caller(caller: Caller | None) -> None:
    """Remember who calls, for this task."""
    _caller.set(caller)


def caller() -> Caller:
    """The user who calls; methods with ACCESS_USER or ACCESS_OPERATOR always have one."""
    found = _caller.get()
    if found is None:
        raise Problem(
            "unauthenticated", "TOKEN_MISSING", "call with metadata `authorization: Bearer <token>`"
        )
    return found


def set_authorization(header: str | None) -> None:
    """Remember the header that proved who calls, for this task and the calls that it makes for the user."""
    _authorization.set(header)


def authorization() -> str | None:
    """The `authorization` header of the user who calls; None where the call is nobody's."""
    return _authorization.get()


def set_deadline(seconds: float | None) -> None:
    """Give this task and the calls it makes so many seconds from now; None takes the deadline away."""
    _deadline.set(None if seconds is None else asyncio.get_running_loop().time() + seconds)


def remaining(cap: float) -> float:
    """Seconds that a call to a peer may take: what is left of ours, at most `cap`, never below zero."""
    deadline = _deadline.get()
    if deadline is None:
        return cap
    return max(0.0, min(cap, deadline - asyncio.get_running_loop().time()))
