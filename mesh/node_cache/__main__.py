"""Starts the node cache."""

from kit import run
from mesh.node_cache.settings import Settings
from mesh.node_cache.wiring import build

run.main("mesh-node-cache", Settings, build)
