"""Starts the shipping service."""

from kit import run
from services.shipping.settings import Settings
from services.shipping.wiring import build

run.main("shipping", Settings, build)
