"""The simulated card processor: the outside world, with a ledger of its own and test cards that misbehave."""
