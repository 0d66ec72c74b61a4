"""Warnings about images that cannot be read."""

import logging
from collections.abc import Sequence

from supernet.data.batch_stream import Broken

SHOWN = 10
_LOG = logging.getLogger(__name__)


def log_broken(broken: Sequence[Broken]) -> None:
    """Log a warning with up to ten of their names; nothing if there are none."""
    if not broken:
        return
    _LOG.warning("images that cannot be read and are skipped: %d", len(broken))
    for each in broken[:SHOWN]:
        _LOG.warning("  %s", each)
    if len(broken) > SHOWN:
        _LOG.warning("  and %d more", len(broken) - SHOWN)
