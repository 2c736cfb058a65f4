"""Builds the orders service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.eventing import Eventing
from kit.payload_keys import read_keys
from kit.payloads import data_converter
from kit.run import App, Round
from kit.temporal import Temporal
from kit.tokens import TokenVerifier, keys_of
from services.orders import messages
from services.orders.catalogue import ProductsCatalogue
from services.orders.changes import ChangeHub
from services.orders.consumer import OrdersConsumer
from services.orders.coordination.choreography import Choreography
from services.orders.coordination.driver import Driver
from services.orders.coordination.orchestration import Orchestration
from services.orders.coordination.participants import Participants
from services.orders.coordination.sync import SyncCoordination
from services.orders.coordination.workflows import Workflows
from services.orders.domain import Approval, Coordination
from services.orders.rpc import OrdersServicer
from services.orders.saga_rpc import OrderSagaServicer
from services.orders.settings import Settings
from services.orders.store import CONSUMER, OrdersUnitOfWork
from services.orders.usecases import Mode

MIGRATIONS = Path(__file__).parent / "migrations"


def build_workflows(settings: Settings) -> Workflows:
    """The order workflows on Temporal, which need not be there yet."""
    converter = data_converter(read_keys(settings.payload_keys))
    temporal = Temporal(settings.temporal_address, settings.temporal_namespace, converter=converter)
    approval = Approval(settings.approval_limit, settings.approval)
    return Workflows(temporal, settings.temporal_task_queue, approval)


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    products = Peer("products", settings.products_address)
    inventory = Peer("inventory", settings.inventory_address)
    payments = Peer("payments", settings.payments_address)
    notifications = Peer("notifications", settings.notifications_address)
    changes = ChangeHub()
    background = Background()
    events = Eventing("orders", database, settings.kafka_address, background)
    uow = OrdersUnitOfWork(database, changes, events.relay, messages.to_event)
    workflows = build_workflows(settings)
    orchestration = Orchestration(uow, workflows, background)
    events.consume(OrdersConsumer(CONSUMER, uow, orchestration).subscription)
    participants = Participants(inventory, payments, notifications)
    driver = Driver(uow, participants, changes, settings.lease_seconds)
    sync = SyncCoordination(uow, driver, background, changes, settings.lease_seconds, settings.sync_at_once)
    modes: dict[Coordination, Mode] = {
        Coordination.SYNC: sync,
        Coordination.CHOREOGRAPHY: Choreography(uow, changes),
        Coordination.ORCHESTRATION: orchestration,
    }
    servicer = OrdersServicer(
        uow, ProductsCatalogue(products), modes, changes, workflows, settings.temporal_ui.rstrip("/")
    )
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={
            "ordermesh.orders.v1.OrdersService": servicer,
            "ordermesh.orders.v1.OrderSagaService": OrderSagaServicer(uow),
        },
        background=background,
        peers=[users, products, inventory, payments, notifications],
        rounds=[
            Round("sweep", settings.sweep_seconds, sync.sweep),
            Round("sweep workflows", settings.sweep_seconds, orchestration.sweep),
        ],
        events=events,
    )
