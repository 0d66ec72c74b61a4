"""Replicates on a phone: prepared, run, monitored."""
