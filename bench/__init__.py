"""Measurement of blocks and networks on devices; imports no other package of the project."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for
