"""Export of a network to a runtime's file, with its card."""
