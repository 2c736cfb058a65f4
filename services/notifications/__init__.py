"""Notifications: tells customers about their orders, until the mail server has taken it."""
