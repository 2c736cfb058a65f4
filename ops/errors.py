"""The one error of the operator's tools that a person is meant to read."""

from __future__ import annotations


class SuiteError(Exception):
    """A suite cannot be used as asked; the text says why and the way out."""
