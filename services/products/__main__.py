"""Starts the products service."""

from kit import run
from services.products.settings import Settings
from services.products.wiring import build

run.main("products", Settings, build)
