"""Loads on a phone: prepared, run, watched."""
