"""The short flow of an order: reserve, charge, confirm."""
