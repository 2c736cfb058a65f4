"""Lets the read model be built anew: `python -m services.analytics.rebuild`, while the service is stopped.

`make rebuild S=analytics` stops it before, starts it after, and waits until it has read everything again.
"""

from kit import rebuild, settings
from kit.database import Database
from kit.rebuild import History
from services.analytics import store
from services.analytics.consumer import TOPICS
from services.analytics.settings import Settings
from services.analytics.wiring import MIGRATIONS


async def begin_anew(chosen: Settings) -> History:
    """Set the consumer back and clear the tables; what there is to be read again."""
    database = Database(chosen.database_url.get_secret_value(), MIGRATIONS)
    await database.open()
    try:
        return await rebuild.begin_anew(
            chosen.kafka_address, store.CONSUMER, TOPICS, lambda: store.cleared(database)
        )
    finally:
        await database.close()


if __name__ == "__main__":
    rebuild.main(begin_anew(settings.load(Settings)))
