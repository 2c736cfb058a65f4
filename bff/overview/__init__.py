"""Overview: what several services know of one order, in one answer; it keeps nothing and decides nothing."""
