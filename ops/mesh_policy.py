"""The policy of a running suite: read, and changed so that it is in force when the change returns."""

from __future__ import annotations

from collections.abc import Callable

from mesh import policy_reading, policy_writing
from mesh.policy import Policy
from mesh.policy_nodes import PolicyError
from ops import mesh_client, mesh_tables
from ops.errors import SuiteError
from ops.mesh_client import ControlPlane
from ops.suite import Suite

IN_FORCE_SECONDS = 10.0


def load(suite: Suite) -> Policy:
    """The policy as its file says. Raises SuiteError with the lines that are wrong."""
    try:
        return policy_reading.load(suite.site.root / suite.site.policy)
    except PolicyError as error:
        raise SuiteError(f"{suite.site.policy}:\n{error}") from error


def edit(suite: Suite, change: Callable[[str], str]) -> bool:
    """Change the policy of a running suite; returns when all its proxies go by it, whether anything changed.

    Raises SuiteError with the lines if the result would be wrong: then nothing is changed.
    """
    with mesh_client.control_plane(suite) as control:
        try:
            changed: bool = policy_writing.apply(suite.site.root / suite.site.policy, change)
        except (PolicyError, ValueError) as error:
            raise SuiteError(f"{suite.site.policy} is left as it is:\n{error}") from error
        _wait_in_force(control)
    return changed


def _wait_in_force(control: ControlPlane) -> None:
    """Until every connected proxy goes by the file as it is now. SuiteError if that does not come."""
    state = control.policy_state(IN_FORCE_SECONDS)
    if not state.in_force:
        raise SuiteError("the control plane refuses the file:\n" + "\n".join(mesh_tables.mistakes(state)))
    if state.behind_node_ids:
        behind = ", ".join(state.behind_node_ids)
        raise SuiteError(f"these proxies do not take it up: {behind}; `make mesh proxies` says why")
