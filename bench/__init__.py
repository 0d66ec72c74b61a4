"""Measures blocks and networks on devices. Imports nothing of the other packages."""
