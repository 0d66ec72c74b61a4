"""Regression: features of blocks and the models fitted on them."""
