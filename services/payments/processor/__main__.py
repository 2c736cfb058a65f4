"""Starts the simulated card processor."""

from kit import run
from services.payments.processor.settings import Settings
from services.payments.processor.wiring import build

run.main("processor", Settings, build)
