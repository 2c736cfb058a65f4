"""Starts the control plane; exits 78 when it is configured wrongly, and that includes the policy."""

import sys

from kit import run
from kit.settings import EXIT_CONFIG
from mesh.policy_nodes import PolicyError
from mesh.settings import Settings
from mesh.wiring import build

try:
    run.main("mesh", Settings, build)
except PolicyError as error:
    print(
        f"mesh: the policy is refused, and there is no earlier one to go on with:\n{error}", file=sys.stderr
    )
    raise SystemExit(EXIT_CONFIG) from None
