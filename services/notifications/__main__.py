"""Starts the notifications service."""

from kit import run
from services.notifications.settings import Settings
from services.notifications.wiring import build

run.main("notifications", Settings, build)
