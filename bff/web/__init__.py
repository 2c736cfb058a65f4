"""The web's backend: one GraphQL graph of users, orders, products, payments and shipments."""
