"""Scripts that shells complete our command lines by, derived from the declared commands.

A script holds all it needs: while somebody types, nothing of ours is run.
"""
