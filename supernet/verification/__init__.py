"""Verdicts on exported networks: measured latency, accuracy of the file."""
