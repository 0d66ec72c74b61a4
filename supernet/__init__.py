"""The once-for-all network: its space, weights, training and search."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for
