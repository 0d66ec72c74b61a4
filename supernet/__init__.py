"""The once-for-all network: its space, weights, training and search."""
