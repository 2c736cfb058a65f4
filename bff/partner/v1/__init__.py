"""The first version of the contract."""
