"""Builds the users service: constructors, top to bottom."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from kit.background import Background
from kit.database import Database
from kit.run import App, Round
from kit.tokens import KEYS_MAX_AGE, TokenVerifier
from services.users import usecases
from services.users.domain import KeyRules
from services.users.passwords import Argon2Passwords
from services.users.rpc import ClientsServicer, ContactsServicer, UsersServicer
from services.users.settings import Settings
from services.users.signing import Signer
from services.users.store import UsersUnitOfWork
from services.users.usecases import Keys

MIGRATIONS = Path(__file__).parent / "migrations"
KEYS_ROUND_SECONDS = 60


def build(settings: Settings) -> App:
    """The whole service, not started yet. It verifies tokens with the keys of its own database."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    uow = UsersUnitOfWork(database)
    secret = settings.key_secret.get_secret_value() if settings.key_secret else None
    rules = KeyRules(settings.token_lifetime, settings.key_lifetime, timedelta(seconds=KEYS_MAX_AGE))
    keys = Keys(Signer(secret), rules)
    return App(
        engine=database,
        tokens=TokenVerifier(partial(usecases.get_public_keys, uow, keys)),
        servicers={
            "ordermesh.users.v1.UsersService": UsersServicer(uow, Argon2Passwords(), keys),
            "ordermesh.users.v1.ClientsService": ClientsServicer(uow, keys),
            "ordermesh.users.v1.ContactsService": ContactsServicer(uow),
        },
        background=Background(),
        rounds=[Round("signing_keys", KEYS_ROUND_SECONDS, partial(usecases.ensure_keys, uow, keys))],
    )
