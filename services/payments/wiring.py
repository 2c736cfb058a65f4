"""Builds the payments service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.eventing import Eventing
from kit.run import App, Round
from kit.tokens import TokenVerifier, keys_of
from services.payments import messages
from services.payments.cards import CardProcessor
from services.payments.consumer import PaymentsConsumer
from services.payments.rpc import PaymentsServicer
from services.payments.settings import Settings
from services.payments.settlement import Settlement
from services.payments.store import CONSUMER, PaymentsUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    processor = Peer("processor", settings.processor_address)
    background = Background()
    events = Eventing("payments", database, settings.kafka_address, background)
    uow = PaymentsUnitOfWork(database, events.relay, messages.to_event)
    settlement = Settlement(uow, CardProcessor(processor), background)
    events.consume(PaymentsConsumer(CONSUMER, uow, settlement).subscription)
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={"ordermesh.payments.v1.PaymentsService": PaymentsServicer(uow, settlement)},
        background=background,
        peers=[users, processor],
        rounds=[Round("sweep", settings.sweep_seconds, settlement.sweep)],
        events=events,
    )
