"""Every fuzz target, by the area of its readers."""

from collections.abc import Sequence
from importlib import import_module

from tests.fuzz.target import FuzzTarget

# Readers of text and protocols, then those of model files, which are slower.
TEXT = ("adb", "phone", "ssh", "worker", "tables", "networks", "settings", "sensors")
FILES = ("parquet", "sweeps", "weights", "models", "images")
AREAS = (*TEXT, *FILES)


def targets_of(area: str) -> Sequence[FuzzTarget]:
    """Return the targets of an area."""
    result: Sequence[FuzzTarget] = import_module(f"tests.fuzz.{area}_targets").TARGETS
    return result
