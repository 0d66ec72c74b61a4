"""Timing: passes in random order, samples and statistics, drift."""
