"""Analytics: what was sold, by product and hour, as the events of orders tell it."""
