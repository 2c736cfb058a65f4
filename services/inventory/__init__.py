"""Inventory: how much there is of each product, and the stock held or sold for each order."""
