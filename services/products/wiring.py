"""Builds the products service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.run import App
from kit.tokens import TokenVerifier, keys_of
from services.products.rpc import ProductsServicer
from services.products.settings import Settings
from services.products.store import ProductsUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={"ordermesh.products.v1.ProductsService": ProductsServicer(ProductsUnitOfWork(database))},
        background=Background(),
        peers=[users],
    )
