"""Products: what the shop sells, and what it costs from now on."""
