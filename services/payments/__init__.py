"""Payments: charges each order once, pays back what must not stay, and decides every race about it."""
