"""Builds the notifications service: constructors, top to bottom."""

from datetime import timedelta
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
from services.notifications.webhooks import wiring as webhooks_wiring
from services.notifications.webhooks.wiring import Chosen

MIGRATIONS = Path(__file__).parent / "migrations"
LEASE_BEYOND = timedelta(seconds=10)
"""How much longer an attempt at a webhook is ours than it may take: its outcome is recorded meanwhile."""


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    users = Peer("users", settings.users_address)
    background = Background()
    events = Eventing("notifications", database, settings.kafka_address, background)
    uow = NotificationsUnitOfWork(database, events.relay, messages.to_event)
    mailer = SmtpMailer(settings.smtp_address, settings.sender)
    delivery = Delivery(uow, UsersContacts(users), mailer, background)
    webhooks = webhooks_wiring.build(_of_webhooks(settings), database, background)
    events.consume(NotificationsConsumer(CONSUMER, uow, delivery, webhooks.consumer).subscription)
    return App(
        engine=database,
        tokens=TokenVerifier(keys_of(users)),
        servicers={
            "ordermesh.notifications.v1.NotificationsService": NotificationsServicer(uow, delivery),
            "ordermesh.notifications.v1.WebhooksService": webhooks.servicer,
        },
        background=background,
        peers=[users, mailer],
        rounds=[
            Round("send", settings.retry_seconds, delivery.sweep),
            Round("webhooks", settings.retry_seconds, webhooks.sending.sweep),
        ],
        events=events,
    )


def _of_webhooks(settings: Settings) -> Chosen:
    return Chosen(
        schedule=settings.webhook_schedule,
        disable_after=settings.webhook_disable_seconds,
        overlap=settings.webhook_overlap_seconds,
        attempt_seconds=settings.webhook_attempt_seconds,
        lease=timedelta(seconds=settings.webhook_attempt_seconds) + LEASE_BEYOND,
        local=settings.webhook_local,
    )
