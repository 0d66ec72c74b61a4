"""A predictor compiled for a space: arrays and gathers."""
