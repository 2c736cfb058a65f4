"""Builds the analytics service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.eventing import Eventing
from kit.run import App
from kit.tokens import TokenVerifier, keys_of
from services.analytics.consumer import AnalyticsConsumer
from services.analytics.rpc import AnalyticsServicer
from services.analytics.settings import Settings
from services.analytics.store import CONSUMER, AnalyticsUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    background = Background()
    events = Eventing("analytics", database, settings.kafka_address, background, publishes=False)
    uow = AnalyticsUnitOfWork(database)
    events.consume(AnalyticsConsumer(CONSUMER, uow).subscription)
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={"ordermesh.analytics.v1.AnalyticsService": AnalyticsServicer(uow)},
        background=background,
        peers=[users],
        events=events,
    )
