"""Measuring model files of any origin."""
