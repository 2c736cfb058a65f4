"""What the users service does when it is asked: load, decide, record, in one transaction."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kit.requests import RequestKey
from services.users import clients, domain
from services.users.clients import KnownClient
from services.users.domain import (
    Account,
    Bearer,
    Client,
    Contact,
    CredentialsInvalid,
    KeyPlan,
    KeyRules,
    NewCustomer,
    Reader,
    SigningKey,
    Token,
    User,
    Window,
)


@dataclass(frozen=True)
class CreateUser:
    """Open a customer's account."""

    key: RequestKey
    customer: NewCustomer
    password: str = field(repr=False)


@dataclass(frozen=True)
class SignIn:
    """Exchange a username and a password for a token."""

    username: str
    password: str = field(repr=False)
    client: Client = Client.API


@dataclass(frozen=True)
class CreateClient:
    """Register a program of a partner, under a new id and a new secret."""

    key: RequestKey
    client_id: str
    user_id: UUID
    name: str
    scopes: tuple[str, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True)
class IssueClientToken:
    """Exchange a client's id and secret for a token."""

    client_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


class Transaction(Protocol):
    """What a use case needs of the store, all in one transaction."""

    async def add_customer(self, key: RequestKey, customer: NewCustomer, password_hash: str) -> User:
        """Add an account, unless this request did so before; raises UsernameTaken."""

    async def user(self, user_id: UUID) -> User | None:
        """One account."""

    async def users(self, user_ids: Sequence[UUID], reader: Reader) -> Sequence[User]:
        """Those of these accounts that the reader may see."""

    async def account(self, username: str) -> Account | None:
        """The account of this name, with the hash of its password."""

    async def add_client(self, command: CreateClient, secret_hash: bytes) -> str:
        """Add a client, unless this request did so before; its id."""

    async def client(self, client_id: str) -> KnownClient | None:
        """The client of this id, with its account and the hash of its secret."""

    async def keys(self, *, lock: bool = False) -> tuple[Sequence[SigningKey], datetime]:
        """All keys and the database's time; a lock keeps others from making keys meanwhile."""

    async def change_keys(self, new: SigningKey, gone: Sequence[SigningKey]) -> None:
        """Add a key and forget others."""


class UnitOfWork(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction, committed when the block ends well."""

    def statement(self) -> AbstractAsyncContextManager[Transaction]:
        """For one statement, or only to read: nothing is committed together."""


class Passwords(Protocol):
    """Hashes and checks passwords, beside the event loop."""

    async def hash(self, password: str) -> str:
        """What to store instead of the password."""

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the one that was hashed; None takes as long and never matches."""


class Signer(Protocol):
    """Makes keys and signs with them."""

    def new_key(self, window: Window) -> SigningKey:
        """A new key pair for this window."""

    def token(self, bearer: Bearer, key: SigningKey, now: datetime, expire_time: datetime) -> str:
        """A token for this account and client, signed with this key."""

    def jwks(self, keys: Sequence[SigningKey]) -> str:
        """The public halves of these keys as a JSON Web Key Set."""


@dataclass(frozen=True)
class Keys:
    """The signer, and the rules by which its keys follow one another."""

    signer: Signer
    rules: KeyRules


async def create_user(command: CreateUser, uow: UnitOfWork, passwords: Passwords) -> User:
    """Open a customer's account, once a request. The slow hash comes before the transaction begins."""
    password_hash = await passwords.hash(command.password)
    async with uow.begin() as tx:
        return await tx.add_customer(command.key, command.customer, password_hash)


async def sign_in(command: SignIn, uow: UnitOfWork, passwords: Passwords, keys: Keys) -> Token:
    """Give a token to whoever knows the password."""
    async with uow.statement() as tx:
        account = await tx.account(command.username)
    if not await passwords.matches(command.password, account.password_hash if account else None):
        raise CredentialsInvalid
    if account is None:  # never: no password matches an unknown name
        raise CredentialsInvalid
    return await _signed(Bearer(account.user, command.client), uow, keys)


async def create_client(command: CreateClient, uow: UnitOfWork) -> str:
    """Register a program for a customer's account, once a request; its id, another one in a repeat."""
    async with uow.begin() as tx:
        clients.owner_of_clients(await tx.user(command.user_id))
        return await tx.add_client(command, clients.hash_of(command.secret))


async def issue_client_token(
    command: IssueClientToken, uow: UnitOfWork, keys: Keys
) -> tuple[Token, Sequence[str]]:
    """Give a token to the client whose secret this is; and what it allows."""
    async with uow.statement() as tx:
        known = await tx.client(command.client_id)
    bearer = clients.granted(known, command.secret, command.scopes)
    token = await _signed(bearer, uow, keys)
    return token, bearer.grant.scopes if bearer.grant else ()


async def _signed(bearer: Bearer, uow: UnitOfWork, keys: Keys) -> Token:
    """A token of this moment."""
    plan, now = await ensure_keys(uow, keys)
    if plan.signing is None:
        raise RuntimeError("no key signs, though one was just made sure of")
    now = now.replace(microsecond=0)  # the claims of a token are whole seconds
    lifetime = keys.rules.token_lifetime
    text = keys.signer.token(bearer, plan.signing, now, now + lifetime)
    return Token(text, now + lifetime, lifetime)


async def get_user(user_id: UUID, reader: Reader, uow: UnitOfWork) -> User:
    """Read an account: one's own, or any for an operator."""
    async with uow.statement() as tx:
        user = await tx.user(user_id)
    return domain.shown_to(reader, user)


async def batch_get_users(user_ids: Sequence[UUID], reader: Reader, uow: UnitOfWork) -> Sequence[User]:
    """Read those of these accounts that the reader may see."""
    async with uow.statement() as tx:
        return await tx.users(user_ids, reader)


async def get_contact(user_id: UUID, uow: UnitOfWork) -> Contact:
    """Read where and how to address an account."""
    async with uow.statement() as tx:
        user = await tx.user(user_id)
    return domain.contact_of(user)


async def get_public_keys(uow: UnitOfWork, keys: Keys) -> str:
    """The public keys as a JSON Web Key Set."""
    plan, _ = await ensure_keys(uow, keys)
    return keys.signer.jwks(plan.published)


async def ensure_keys(uow: UnitOfWork, keys: Keys) -> tuple[KeyPlan, datetime]:
    """What the keys are good for now, after the next one was made if it is time. Done by a round, and by
    whoever uses keys: nobody is ever given a set of keys that lacks the next one.
    """
    async with uow.begin() as tx:
        found, now = await tx.keys()
        plan = domain.plan_keys(found, now, keys.rules)
        if plan.wanted is None:
            return plan, now
        found, now = await tx.keys(lock=True)
        plan = domain.plan_keys(found, now, keys.rules)
        if plan.wanted is None:  # another instance was faster
            return plan, now
        new = keys.signer.new_key(plan.wanted)
        await tx.change_keys(new, plan.gone)
        return domain.plan_keys([*found, new], now, keys.rules), now
