"""Builds the orders service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.run import App, Round
from kit.tokens import TokenVerifier, keys_of
from services.orders.catalogue import ProductsCatalogue
from services.orders.changes import ChangeHub
from services.orders.coordination.driver import Driver
from services.orders.coordination.participants import Participants
from services.orders.coordination.sync import SyncCoordination
from services.orders.domain import Coordination
from services.orders.rpc import OrdersServicer
from services.orders.settings import Settings
from services.orders.store import OrdersUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    products = Peer("products", settings.products_address)
    inventory = Peer("inventory", settings.inventory_address)
    payments = Peer("payments", settings.payments_address)
    notifications = Peer("notifications", settings.notifications_address)
    changes = ChangeHub()
    uow = OrdersUnitOfWork(database, changes)
    participants = Participants(inventory, payments, notifications)
    driver = Driver(uow, participants, changes, settings.lease_seconds)
    background = Background()
    sync = SyncCoordination(uow, driver, background, changes, settings.lease_seconds)
    servicer = OrdersServicer(uow, ProductsCatalogue(products), {Coordination.SYNC: sync}, changes)
    return App(
        database=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={"ordermesh.orders.v1.OrdersService": servicer},
        background=background,
        peers=[users, products, inventory, payments, notifications],
        rounds=[Round("sweep", settings.sweep_seconds, sync.sweep)],
    )
