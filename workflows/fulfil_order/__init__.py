"""The long flow of an order: reserve, authorise, approve, ship, capture, deliver."""
