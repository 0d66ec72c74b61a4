"""Latency tables, regression predictors and calibration on networks; no torch."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for
