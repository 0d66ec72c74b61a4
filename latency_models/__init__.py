"""Latency tables, regression predictors and their composition to networks. No torch here."""
