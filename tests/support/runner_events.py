"""Lines of events as the on-phone runner writes them."""

import json
import zlib
from collections.abc import Mapping
from typing import Any


def event_line(event: Mapping[str, Any]) -> bytes:
    """Return an event's line."""
    text = json.dumps(event, separators=(",", ":")).encode()
    return text + b"\t%08x\n" % zlib.crc32(text)
