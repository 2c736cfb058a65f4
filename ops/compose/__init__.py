"""The suite in containers: compose.yaml from the topology, what prepares it, and how it is run."""
