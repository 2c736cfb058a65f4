"""Starts the analytics service."""

from kit import run
from services.analytics.settings import Settings
from services.analytics.wiring import build

run.main("analytics", Settings, build)
