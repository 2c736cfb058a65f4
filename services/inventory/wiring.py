"""Builds the inventory service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.run import App
from kit.tokens import TokenVerifier, keys_of
from services.inventory.rpc import InventoryServicer
from services.inventory.settings import Settings
from services.inventory.store import InventoryUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    servicer = InventoryServicer(InventoryUnitOfWork(database), settings.hold)
    return App(
        database=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={"ordermesh.inventory.v1.InventoryService": servicer},
        background=Background(),
        peers=[users],
    )
