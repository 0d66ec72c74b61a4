"""Blocks: the one definition of what is timed, trained and shipped."""
