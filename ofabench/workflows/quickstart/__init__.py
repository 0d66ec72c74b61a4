"""Quickstart: the whole loop on this machine, task by task."""
