"""Starts the payments service."""

from kit import run
from services.payments.settings import Settings
from services.payments.wiring import build

run.main("payments", Settings, build)
