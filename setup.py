"""Refuses systems that ofabench does not run on while it is installed; the rest is in pyproject."""

import sys

from setuptools import setup

if sys.platform == "win32":
    sys.exit("ofabench needs Linux or macOS (locks, signals, adb pipes); on Windows, use WSL 2")

setup()
