"""Blocks: the single definition of what is timed, trained and shipped."""
