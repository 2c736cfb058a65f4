"""Starts the aggregator of overviews."""

from bff.overview.settings import Settings
from bff.overview.wiring import build
from kit import run

run.main("overview", Settings, build)
