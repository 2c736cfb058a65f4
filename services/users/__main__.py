"""Starts the users service."""

from kit import run
from services.users.settings import Settings
from services.users.wiring import build

run.main("users", Settings, build)
