"""Builds the control plane: constructors, top to bottom."""

from datetime import UTC, datetime

from kit.background import Background
from kit.run import App, Round
from mesh.control_plane import ControlPlane
from mesh.settings import Settings

RENEW_SECONDS = 1.0


def build(settings: Settings) -> App:
    """The whole control plane, not started yet."""
    plane = ControlPlane(settings, lambda: datetime.now(UTC))
    return App(
        engine=plane,
        tokens=None,
        servicers={},
        background=Background(),
        rounds=[
            Round("renew certificates", RENEW_SECONDS, plane.renew),
            Round("look at the policy", settings.look_seconds, plane.look),
        ],
    )
