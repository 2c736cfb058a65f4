"""The second version of the contract: orders. It shares nothing with the first but what stands behind."""
