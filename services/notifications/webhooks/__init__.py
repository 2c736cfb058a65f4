"""Webhooks: tells an account of its own orders over HTTP, signed, each order's events in their order."""
