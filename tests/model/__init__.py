"""The choreographed saga without I/O: every order of its messages, within stated bounds."""
