"""Latency tables, regression predictors and their composition to networks. No torch here."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for
