"""The partners' backend: a stable, versioned REST API for other people's programs."""
