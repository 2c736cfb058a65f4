"""The suite in containers: what a container engine is needed for, and what runs in its containers."""
