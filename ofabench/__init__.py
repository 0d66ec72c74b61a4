"""The thin front door: command line and report."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())  # silent unless asked for

__version__ = "0.1.0"
