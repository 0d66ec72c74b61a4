"""Search: the networks of highest predicted accuracy within limits."""
