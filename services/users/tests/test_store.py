"""The store and the use cases on a real PostgreSQL: accounts once a request, and keys made once by many."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest

from kit.database import Database
from kit.errors import Problem
from kit.requests import RequestKey
from kit.testing.postgres import scratch_database
from kit.tokens import TokenVerifier
from services.users import usecases
from services.users.domain import (
    AccessDenied,
    Contact,
    ContactNotFound,
    CredentialsInvalid,
    KeyRules,
    NewCustomer,
    Reader,
    Role,
    UsernameTaken,
)
from services.users.passwords import Argon2Passwords
from services.users.signing import Signer
from services.users.store import UsersUnitOfWork
from services.users.usecases import CreateUser, Keys, SignIn
from services.users.wiring import MIGRATIONS

pytestmark = pytest.mark.postgres
PASSWORD = "correct horse battery"
PASSWORDS = Argon2Passwords()
RULES = KeyRules(timedelta(hours=1), timedelta(days=1), timedelta(minutes=5))
SEEDS = MIGRATIONS.parent / "seeds" / "20261123000001_demo_users.sql"


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with scratch_database(MIGRATIONS) as database:
        yield database


@pytest.fixture
def uow(database: Database) -> UsersUnitOfWork:
    return UsersUnitOfWork(database)


def create(username: str = "ada", password: str = PASSWORD, body: bytes = b"body") -> CreateUser:
    key = RequestKey("anonymous", "CreateUser", uuid.uuid4(), body)
    customer = NewCustomer(uuid.uuid4(), username, f"{username}@example.com", username.title())
    return CreateUser(key, customer, password)


def again(command: CreateUser, username: str = "ada", body: bytes = b"body") -> CreateUser:
    """The same request, as it comes a second time: with another id proposed for the account."""
    key = RequestKey("anonymous", "CreateUser", command.key.request_id, body)
    return CreateUser(key, create(username).customer, "another password")


def keys() -> Keys:
    return Keys(Signer(None), RULES)


async def test_a_new_account_is_a_customers_and_can_be_read(uow: UsersUnitOfWork) -> None:
    user = await usecases.create_user(create(), uow, PASSWORDS)
    assert (user.username, user.role) == ("ada", Role.CUSTOMER)
    assert await usecases.get_user(user.user_id, Reader(user.user_id, is_operator=False), uow) == user
    assert await usecases.get_contact(user.user_id, uow) == Contact("ada@example.com", "Ada")


async def test_nobody_reads_what_is_not_theirs_or_not_there(uow: UsersUnitOfWork) -> None:
    user = await usecases.create_user(create(), uow, PASSWORDS)
    with pytest.raises(AccessDenied):
        await usecases.get_user(user.user_id, Reader(uuid.uuid4(), is_operator=False), uow)
    with pytest.raises(AccessDenied):
        await usecases.get_user(uuid.uuid4(), Reader(uuid.uuid4(), is_operator=True), uow)
    with pytest.raises(ContactNotFound):
        await usecases.get_contact(uuid.uuid4(), uow)


async def test_a_repeated_request_gets_the_same_account_and_the_first_password_stays(
    uow: UsersUnitOfWork,
) -> None:
    command = create()
    first = await usecases.create_user(command, uow, PASSWORDS)
    assert await usecases.create_user(again(command), uow, PASSWORDS) == first
    assert await usecases.sign_in(SignIn("ada", PASSWORD), uow, PASSWORDS, keys())
    with pytest.raises(CredentialsInvalid):
        await usecases.sign_in(SignIn("ada", "another password"), uow, PASSWORDS, keys())


async def test_the_same_request_in_parallel_makes_one_account(uow: UsersUnitOfWork) -> None:
    command = create()
    users = await asyncio.gather(
        *(usecases.create_user(again(command), uow, PASSWORDS) for _ in range(6)),
    )
    assert len({user.user_id for user in users}) == 1


async def test_a_request_id_with_another_content_is_refused(uow: UsersUnitOfWork) -> None:
    command = create()
    await usecases.create_user(command, uow, PASSWORDS)
    with pytest.raises(Problem) as caught:
        await usecases.create_user(again(command, "eve", b"other"), uow, PASSWORDS)
    assert caught.value.reason == "REQUEST_ID_MISMATCH"


async def test_a_name_is_taken_once_and_the_refused_request_can_come_again(uow: UsersUnitOfWork) -> None:
    await usecases.create_user(create(), uow, PASSWORDS)
    command = create()
    with pytest.raises(UsernameTaken):
        await usecases.create_user(command, uow, PASSWORDS)
    other = again(command, "ada2")
    assert (await usecases.create_user(other, uow, PASSWORDS)).username == "ada2"


async def test_of_many_who_want_a_name_one_gets_it(uow: UsersUnitOfWork) -> None:
    async def wins() -> bool:
        try:
            await usecases.create_user(create(), uow, PASSWORDS)
        except UsernameTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(wins() for _ in range(6)))) == 1


async def test_a_password_is_not_to_be_found_in_the_database(
    database: Database, uow: UsersUnitOfWork
) -> None:
    await usecases.create_user(create(), uow, PASSWORDS)
    async with database.transaction() as connection:
        rows = await connection.fetch("select u::text from users u union all select r::text from requests r")
    assert len(rows) == 2
    assert all(PASSWORD not in row[0] and PASSWORD.encode().hex() not in row[0] for row in rows)


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(uow: UsersUnitOfWork) -> None:
    await usecases.create_user(create(), uow, PASSWORDS)
    told = set()
    for command in (SignIn("ada", "wrong"), SignIn("nobody", PASSWORD), SignIn("ADA", PASSWORD)):
        with pytest.raises(CredentialsInvalid) as caught:
            await usecases.sign_in(command, uow, PASSWORDS, keys())
        told.add((caught.value.kind, caught.value.reason, str(caught.value)))
    assert told == {("unauthenticated", "CREDENTIALS_INVALID", "the username or the password is wrong")}


async def test_the_demo_users_sign_in_with_the_documented_password(
    database: Database, uow: UsersUnitOfWork
) -> None:
    for _ in range(2):  # a second seeding changes nothing
        async with database.transaction() as connection:
            await connection.execute(SEEDS.read_text())
    verifier = TokenVerifier(partial(usecases.get_public_keys, uow, keys()))
    for name, user_id, role in (
        ("ada", "00000000-0000-4000-8000-0000000000ad", "customer"),
        ("bob", "00000000-0000-4000-8000-000000000b0b", "customer"),
        ("olga", "00000000-0000-4000-8000-000000000136", "operator"),
    ):
        token = await usecases.sign_in(SignIn(name, "ordermesh-demo"), uow, PASSWORDS, keys())
        caller = await verifier.verify(f"Bearer {token.text}")
        assert (str(caller.user_id), caller.role) == (user_id, role)


async def test_many_instances_that_start_at_once_make_one_key(uow: UsersUnitOfWork) -> None:
    plans = await asyncio.gather(*(usecases.ensure_keys(uow, keys()) for _ in range(8)))
    signing = {plan.signing.kid for plan, _ in plans if plan.signing}
    assert len(signing) == 1
    assert all(len(plan.published) == 1 for plan, _ in plans)


async def test_when_a_key_ends_soon_many_rounds_publish_one_more(
    database: Database, uow: UsersUnitOfWork
) -> None:
    before = json.loads(await usecases.get_public_keys(uow, keys()))["keys"]
    async with database.transaction() as connection:
        await connection.execute("update signing_keys set sign_until = now() + interval '9 minutes'")
    await asyncio.gather(*(usecases.ensure_keys(uow, keys()) for _ in range(8)))
    after = json.loads(await usecases.get_public_keys(uow, keys()))["keys"]
    assert [key["kid"] for key in after][:-1] == [key["kid"] for key in before]
    plan, _ = await usecases.ensure_keys(uow, keys())
    assert plan.signing
    assert plan.signing.kid == before[0]["kid"]


async def test_a_key_whose_tokens_have_all_expired_leaves_the_database(
    database: Database, uow: UsersUnitOfWork
) -> None:
    await usecases.ensure_keys(uow, keys())
    async with database.transaction() as connection:
        await connection.execute(
            """update signing_keys set kid = 'old', sign_from = now() - interval '2 days',
                      sign_until = now() - interval '1 day'"""
        )
    plan, _ = await usecases.ensure_keys(uow, keys())
    assert plan.signing
    async with database.transaction() as connection:
        kids = [row["kid"] for row in await connection.fetch("select kid from signing_keys")]
    assert kids == [plan.signing.kid]
