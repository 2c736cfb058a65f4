"""What the tests of all parts share."""
