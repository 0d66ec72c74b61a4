"""Timing: rounds in random order, samples and statistics, drift."""
