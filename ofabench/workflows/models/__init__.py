"""Predicting the latency of models of any origin from their operators."""
