"""What a run used: time and energy."""
