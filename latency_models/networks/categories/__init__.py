"""Predictors where nothing is known of a network but categories by column (`--space onehot`)."""
