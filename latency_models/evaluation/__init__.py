"""Evaluation: metrics, baselines, comparison of tables."""
