"""Builds the node cache: constructors, top to bottom."""

from datetime import UTC, datetime

from kit.background import Background
from kit.run import App, Round
from mesh.node_cache.cache import NodeCache
from mesh.node_cache.settings import Settings

LOOK_SECONDS = 0.25


def build(settings: Settings) -> App:
    """The whole node cache, not started yet."""
    cache = NodeCache(settings, lambda: datetime.now(UTC))
    return App(
        engine=cache,
        tokens=None,
        servicers={},
        background=Background(),
        rounds=[Round("look for the control plane", LOOK_SECONDS, cache.look)],
    )
