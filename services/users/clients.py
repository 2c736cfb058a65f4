"""The rules of clients: programs that act for an account by credentials of their own (OAuth 2.0)."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.users.domain import Bearer, Client, Grant, Role, User


@dataclass(frozen=True)
class KnownClient:
    """A program that may act for an account, and what its secret is checked against."""

    client_id: str
    user: User
    scopes: tuple[str, ...]
    secret_hash: bytes = field(repr=False)


class AccountNotFound(Exception):
    """A client acts for a customer, and this is none."""

    kind, reason = "missing", "ACCOUNT_NOT_FOUND"


class ClientInvalid(Exception):
    """The secret is wrong or the client unknown; nobody learns which."""

    kind, reason = "unauthenticated", "CLIENT_INVALID"

    def __init__(self) -> None:
        super().__init__("the client's id or its secret is wrong")


class ScopeNotGranted(Exception):
    """The client was registered without this."""

    kind, reason = "invalid", "SCOPE_NOT_GRANTED"

    def __init__(self, scopes: Sequence[str]) -> None:
        super().__init__(f"the client may not ask for {' '.join(scopes)}")
        self.field = "scopes"


def owner_of_clients(user: User | None) -> User:
    """The account, if clients may act for it: an operator's token is for people only."""
    if user is None or user.role is not Role.CUSTOMER:
        raise AccountNotFound("there is no such customer's account to act for")
    return user


def hash_of(secret: str) -> bytes:
    """What is kept of a client's secret: it is random enough for a quick hash."""
    return hashlib.sha256(secret.encode()).digest()


def granted(known: KnownClient | None, secret: str, scopes: Sequence[str]) -> Bearer:
    """What a client gets that shows this secret and asks for these scopes, or for all of its own."""
    if known is None or not hmac.compare_digest(known.secret_hash, hash_of(secret)):
        raise ClientInvalid
    if unknown := [scope for scope in scopes if scope not in known.scopes]:
        raise ScopeNotGranted(unknown)
    grant = Grant(known.client_id, tuple(scopes) or known.scopes)
    return Bearer(known.user, Client.PARTNER, grant)
