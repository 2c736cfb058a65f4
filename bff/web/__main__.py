"""Run it: `python -m bff.web`."""

from bff.web.app import build
from bff.web.settings import Settings
from kit.http_run import main

if __name__ == "__main__":
    main("bff-web", Settings, build)
