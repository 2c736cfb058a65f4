"""Builds the simulated card processor: constructors, top to bottom."""

from pathlib import Path

from kit.background import Background
from kit.database import Database
from kit.errors import Problem
from kit.run import App
from kit.tokens import TokenVerifier
from services.payments.processor.rpc import ProcessorServicer
from services.payments.processor.settings import Settings
from services.payments.processor.store import ProcessorUnitOfWork

MIGRATIONS = Path(__file__).parent / "migrations"


def build(settings: Settings) -> App:
    """The whole service, not started yet."""
    database = Database(settings.database_url.get_secret_value(), MIGRATIONS)
    background = Background()
    return App(
        engine=database,
        tokens=TokenVerifier(_no_users),
        servicers={
            "ordermesh.processor.v1.ProcessorService": ProcessorServicer(
                ProcessorUnitOfWork(database), background
            )
        },
        background=background,
    )


async def _no_users() -> str:
    raise Problem("unauthenticated", "TOKEN_INVALID", "the card processor knows no users of ours")
