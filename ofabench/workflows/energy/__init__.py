"""Workflows on energy: fit a predictor, and predict networks."""
