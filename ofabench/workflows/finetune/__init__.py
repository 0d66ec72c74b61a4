"""Fine-tuning of a single network."""
