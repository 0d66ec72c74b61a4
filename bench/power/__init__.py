"""Sensors of energy and power, and energy per inference measured with them."""
