"""A board or server that our runner measures: facts, state, files."""
