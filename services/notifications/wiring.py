"""Builds the notifications service: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.channels import Peer
from kit.database import Database
from kit.eventing import Eventing
from kit.run import App, Round
from kit.tokens import TokenVerifier, keys_of
from services.notifications import messages
from services.notifications.consumer import NotificationsConsumer
from services.notifications.contacts import UsersContacts
from services.notifications.delivery import Delivery
from services.notifications.mail import SmtpMailer
from services.notifications.rpc import NotificationsServicer
from services.notifications.settings import Settings
from services.notifications.store import CONSUMER, NotificationsUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    background = Background()
    events = Eventing("notifications", database, settings.kafka_address, background)
    uow = NotificationsUnitOfWork(database, events.relay, messages.to_event)
    mailer = SmtpMailer(settings.smtp_address, settings.sender)
    delivery = Delivery(uow, UsersContacts(users), mailer, background)
    events.consume(NotificationsConsumer(CONSUMER, uow, delivery).subscription)
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={"ordermesh.notifications.v1.NotificationsService": NotificationsServicer(uow, delivery)},
        background=background,
        peers=[users, mailer],
        rounds=[Round("send", settings.retry_seconds, delivery.sweep)],
        events=events,
    )
