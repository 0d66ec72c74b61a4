"""Measures blocks and networks on devices. Imports nothing of the other packages."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for
