"""Run it: `python -m bff.mobile`."""

from bff.mobile.app import build
from bff.mobile.settings import Settings
from kit.http_run import main

if __name__ == "__main__":
    main("bff-mobile", Settings, build)
