"""Limits on networks and the costs that they limit."""
