"""Starts the worker."""

import os
import sys

from kit import run
from workflows.settings import Settings
from workflows.worker import build

run.main("workflows", Settings, build)
# All is drained. The SDK's own threads may still reach for the interpreter while it is taken down, which
# aborts the process (PyGILState_Release), so it is not taken down.
sys.stdout.flush()
os._exit(0)
