"""Users: who may sign in, and the tokens that say so to every other service."""
