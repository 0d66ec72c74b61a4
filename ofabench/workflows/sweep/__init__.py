"""Sweeps of a space on one device or several."""
