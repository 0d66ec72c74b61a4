"""Resource use of a run: time and energy."""
