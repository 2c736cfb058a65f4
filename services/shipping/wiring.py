"""Builds the shipping service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.eventing import Eventing
from kit.run import App, Round
from kit.tokens import TokenVerifier, keys_of
from services.shipping import messages, usecases
from services.shipping.rpc import ShippingServicer, TrackingServicer
from services.shipping.settings import Settings
from services.shipping.store import ShippingUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet. It tells events and hears none."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    background = Background()
    events = Eventing("shipping", database, settings.kafka_address, background)
    uow = ShippingUnitOfWork(database, events.relay, messages.to_event)
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={
            "ordermesh.shipping.v1.ShippingService": ShippingServicer(uow, settings.delivery_seconds),
            "ordermesh.shipping.v1.TrackingService": TrackingServicer(uow),
        },
        background=background,
        peers=[users],
        rounds=[Round("tell arrivals", settings.sweep_seconds, lambda: usecases.tell_arrivals(uow))],
        events=events,
    )
