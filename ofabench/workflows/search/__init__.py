"""Searches, and networks of a space."""
