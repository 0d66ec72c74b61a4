"""Networks that others published."""
