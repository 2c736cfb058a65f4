"""Shipping: the one shipment of each order, from the booking to the customer's door."""
