"""Sweeps: the choice of what is measured next, storage and resuming."""
