"""Latency predictors and their files."""
