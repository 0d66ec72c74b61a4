"""The thin front door: command line and report."""

__version__ = "0.1.0"
