"""Lines of events as the on-phone runner writes them."""

import json
import zlib
from collections.abc import Mapping
from typing import Any


def event_line(event: Mapping[str, Any]) -> bytes:
    """Return an event's line."""
    text = json.dumps(event, separators=(",", ":")).encode()
    return text + b"\t%08x\n" % zlib.crc32(text)


PROFILE_SUMMARY = """
======================= Run Order =======================
     [node type]  [start]  [first]  [avg ms]      [%]   [cdf%] [mem KB] [times called] [Name]
 Delegate/Convolution (NHWC, F32) IGEMM 0.000 0.500 0.300 75.000%  75.000% 0.000 50 [Delegate]:0
                                 GATHER 0.100 0.100 0.100 25.000% 100.000% 0.000 50 [scores]:1

======================= Top by Computation Time =======================
     [node type]  [start]  [first]  [avg ms]      [%]   [cdf%] [mem KB] [times called] [Name]
                                 GATHER 0.100 0.100 0.100 25.000%  25.000% 0.000 50 [scores]:1

Timings (microseconds): count=2 curr=20000
"""
