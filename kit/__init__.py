"""Plumbing shared by the Python parts; knows no business noun. Its wire rules: docs/wire.md."""

from kit.crashpoint import crashpoint

__all__ = ["crashpoint"]
