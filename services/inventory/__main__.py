"""Starts the inventory service."""

from kit import run
from services.inventory.settings import Settings
from services.inventory.wiring import build

run.main("inventory", Settings, build)
