"""Builds the inventory service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.eventing import Eventing
from kit.run import App, Round
from kit.tokens import TokenVerifier, keys_of
from services.inventory import messages, usecases
from services.inventory.consumer import InventoryConsumer
from services.inventory.rpc import InventoryServicer
from services.inventory.settings import Settings
from services.inventory.store import CONSUMER, InventoryUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    background = Background()
    events = Eventing("inventory", database, settings.kafka_address, background)
    uow = InventoryUnitOfWork(database, events.relay, messages.to_event)
    events.consume(InventoryConsumer(CONSUMER, uow, settings.hold).subscription)
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={"ordermesh.inventory.v1.InventoryService": InventoryServicer(uow, settings.hold)},
        background=background,
        peers=[users],
        rounds=[Round("tell expiries", settings.sweep_seconds, lambda: usecases.tell_expiries(uow))],
        events=events,
    )
