"""The users service's tables: accounts, clients and signing keys."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from kit import requests
from kit.database import Connection, Database
from kit.requests import RequestKey
from services.users.clients import KnownClient
from services.users.domain import (
    Account,
    NewCustomer,
    Reader,
    Role,
    SigningKey,
    User,
    UsernameTaken,
    Window,
)
from services.users.usecases import CreateClient

_KEYS_LOCK = 20261123  # any number: it names the lock within this database


class UsersTransaction:
    """One transaction on the users database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_customer(self, key: RequestKey, customer: NewCustomer, password_hash: str) -> User:
        """Add an account, unless this request did so before; raises UsernameTaken."""
        earlier = await requests.claim(self._connection, key, str(customer.user_id))
        if earlier is None:
            await self._insert(customer, password_hash)
        user = await self.user(UUID(earlier) if earlier else customer.user_id)
        assert user is not None  # noqa: S101 - accounts are never deleted
        return user

    async def _insert(self, customer: NewCustomer, password_hash: str) -> None:
        inserted = await self._connection.fetchval(
            """insert into users (user_id, username, email, display_name, role, password_hash)
               values ($1, $2, $3, $4, $5, $6) on conflict (username) do nothing returning true""",
            customer.user_id,
            customer.username,
            customer.email,
            customer.display_name,
            Role.CUSTOMER,
            password_hash,
        )
        if not inserted:
            raise UsernameTaken(customer.username)

    async def user(self, user_id: UUID) -> User | None:
        """One account."""
        row = await self._connection.fetchrow("select * from users where user_id = $1", user_id)
        return None if row is None else _user(row)

    async def users(self, user_ids: Sequence[UUID], reader: Reader) -> Sequence[User]:
        """Those of these accounts that the reader may see: the query itself asks whose they are."""
        rows = await self._connection.fetch(
            "select * from users where user_id = any($1) and (user_id = $2 or $3)",
            list(user_ids),
            reader.user_id,
            reader.is_operator,
        )
        return [_user(row) for row in rows]

    async def account(self, username: str) -> Account | None:
        """The account of this name, with the hash of its password."""
        row = await self._connection.fetchrow("select * from users where username = $1", username)
        return None if row is None else Account(_user(row), row["password_hash"])

    async def add_client(self, command: CreateClient, secret_hash: bytes) -> str:
        """Add a client, unless this request did so before; its id."""
        earlier = await requests.claim(self._connection, command.key, command.client_id)
        if earlier is not None:
            return earlier
        await self._connection.execute(
            """insert into clients (client_id, user_id, name, scopes, secret_hash)
               values ($1, $2, $3, $4, $5)""",
            command.client_id,
            command.user_id,
            command.name,
            list(command.scopes),
            secret_hash,
        )
        return command.client_id

    async def client(self, client_id: str) -> KnownClient | None:
        """The client of this id, with its account and the hash of its secret."""
        row = await self._connection.fetchrow(
            """select users.*, client_id, scopes, secret_hash from clients join users using (user_id)
               where client_id = $1""",
            client_id,
        )
        if row is None:
            return None
        return KnownClient(row["client_id"], _user(row), tuple(row["scopes"]), row["secret_hash"])

    async def keys(self, *, lock: bool = False) -> tuple[Sequence[SigningKey], datetime]:
        """All keys and the database's time; a lock keeps others from making keys meanwhile."""
        if lock:
            await self._connection.execute("select pg_advisory_xact_lock($1)", _KEYS_LOCK)
        rows = await self._connection.fetch("select * from signing_keys order by sign_from")
        now = await self._connection.fetchval("select clock_timestamp()")
        return [_key(row) for row in rows], now

    async def change_keys(self, new: SigningKey, gone: Sequence[SigningKey]) -> None:
        """Add a key and forget others."""
        await self._connection.execute(
            "delete from signing_keys where kid = any($1)", [key.kid for key in gone]
        )
        await self._connection.execute(
            """insert into signing_keys (kid, public_jwk, private_pem, sign_from, sign_until)
               values ($1, $2, $3, $4, $5)""",
            new.kid,
            new.public_jwk,
            new.private_pem,
            new.window.sign_from,
            new.window.sign_until,
        )


class UsersUnitOfWork:
    """Opens transactions on the users database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UsersTransaction]:
        """One transaction, committed when the block ends well."""
        async with self._database.transaction() as connection:
            yield UsersTransaction(connection)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[UsersTransaction]:
        """For one statement, or only to read: nothing here is committed together."""
        async with self._database.statement() as connection:
            yield UsersTransaction(connection)


def _user(row: Any) -> User:
    return User(
        user_id=UUID(str(row["user_id"])),
        username=row["username"],
        email=row["email"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        create_time=row["create_time"],
    )


def _key(row: Any) -> SigningKey:
    window = Window(row["sign_from"], row["sign_until"])
    return SigningKey(row["kid"], window, row["public_jwk"], row["private_pem"])
