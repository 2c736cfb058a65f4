"""Builds the control plane: constructors, top to bottom."""

from datetime import UTC, datetime

from kit.background import Background
from kit.run import App, Round
from mesh.control_plane import ControlPlane
from mesh.policy_watch import PolicyWatch
from mesh.rpc import SERVICE, MeshServicer
from mesh.settings import Settings

RENEW_SECONDS = 1.0
KEEP_SECONDS = 0.5


def build(settings: Settings) -> App:
    """The whole control plane, not started yet."""
    watch = PolicyWatch(settings.policy, settings.directory, settings.envoy)
    plane = ControlPlane(settings, watch, lambda: datetime.now(UTC))
    return App(
        engine=plane,
        tokens=None,
        servicers={SERVICE: MeshServicer(plane)},
        background=Background(),
        rounds=[
            Round("renew certificates", RENEW_SECONDS, plane.renew),
            Round("keep what nodes have taken", KEEP_SECONDS, plane.keep),
            Round("look at the policy", settings.look_seconds, plane.look),
        ],
    )
