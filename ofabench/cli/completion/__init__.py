"""Shell completion scripts, derived from the declared commands.

A script is self-contained: completing runs no code of ofabench.
"""
