"""The whole loop on this machine, step by step."""
