"""Run it: `python -m bff.partner`."""

from bff.partner.app import build
from bff.partner.settings import Settings
from kit.http_run import main

if __name__ == "__main__":
    main("bff-partner", Settings, build)
