"""The control plane: who is where, who may call whom, and what every proxy is told about it."""
