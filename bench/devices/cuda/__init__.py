"""NVIDIA GPUs: what a card is, how it does, and visits timed by its own events."""
