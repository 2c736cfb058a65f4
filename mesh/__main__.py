"""Starts the control plane."""

from kit import run
from mesh.settings import Settings
from mesh.wiring import build

run.main("mesh", Settings, build)
