"""Orders: what was ordered, where it stands, and the coordination that carries it through."""
