"""Time by operator, from the text that LiteRT's profiler writes in the runner's profile event."""

import json
import re
from typing import Any

from bench.errors import DeviceError
from bench.operators.profile import OperatorProfile, OperatorTime

_DELEGATE = "Delegate/"
_TITLE = re.compile(r"=+ Run Order =+")
_ROW = re.compile(
    r"\s*(?P<kind>\S.*?)(?:\s+\d+\.\d+){3}\s+(?P<percent>\d+\.\d+)%\s+\d+\.\d+%\s+\d+\.\d+\s+\d+\s+"
    r"\[?(?P<name>\S.*)"
)
_TOTAL = re.compile(r"Timings \(microseconds\): count=\d{1,9} (?:first=\d+ )?curr=(\d{1,15})\b")


def parse_profile_event(line: bytes) -> OperatorProfile:
    """Return the operators of a profile event in order of execution; `DeviceError` for others.

    Times are shares of the whole, which the profiler gives more exactly than each time.
    """
    event = _event(line)
    summary, runs = event.get("summary"), event.get("runs")
    if event.get("event") != "profile" or not isinstance(summary, str) or not isinstance(runs, int):
        raise _not_understood(line)
    total = _TOTAL.search(summary)
    title = _TITLE.search(summary)
    if total is None or title is None or runs < 1:
        raise _not_understood(line)
    total_ms = int(total[1]) / runs / 1e3
    operators = []
    for row in summary[title.end() :].lstrip("\n").splitlines()[1:]:
        match = _ROW.fullmatch(row)
        if match is None:
            break  # the end of the table
        share = float(match["percent"]) / 100
        operators.append(
            OperatorTime(
                name=match["name"].replace("]:", ":"),
                kind=match["kind"].removeprefix(_DELEGATE),
                ms=share * total_ms,
                share=share,
                shapes="",
                delegated=match["kind"].startswith(_DELEGATE),
            )
        )
    if not operators:
        raise _not_understood(line)
    return OperatorProfile(operators=tuple(operators), uncut={})


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line.partition(b"\t")[0])
    except (ValueError, RecursionError) as error:
        raise _not_understood(line) from error
    return event if isinstance(event, dict) else {}


def _not_understood(line: bytes) -> DeviceError:
    return DeviceError(
        f"the runner's profile is {line[:60]!r}, expected LiteRT's table in the order of execution"
    )
