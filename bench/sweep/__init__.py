"""Sweeps: what is measured next, how it is stored and resumed."""
