"""From a network to a file of a runtime, with its card."""
