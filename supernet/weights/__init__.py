"""Weights: the supernet, its elastic slices, checkpoints of others."""
