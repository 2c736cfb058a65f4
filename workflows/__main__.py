"""Starts the worker."""

from kit import run
from workflows.settings import Settings
from workflows.worker import build

run.main("workflows", Settings, build)
