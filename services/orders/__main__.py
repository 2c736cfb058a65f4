"""Starts the orders service."""

from kit import run
from services.orders.settings import Settings
from services.orders.wiring import build

run.main("orders", Settings, build)
