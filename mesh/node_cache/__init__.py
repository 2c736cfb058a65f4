"""Serves sidecars that start while the control plane is away: what each had taken last, and nothing else."""
