"""Report of slow tests without the mark `slow`."""

from collections.abc import Iterable

import pytest

LIMIT_S = 10.0


def over_limit_without_mark(reports: Iterable[pytest.TestReport]) -> list[str]:
    """Return a line for each unmarked test whose call took over `LIMIT_S`, the longest first."""
    over = [
        report
        for report in reports
        if report.when == "call" and report.duration > LIMIT_S and "slow" not in report.keywords
    ]
    over.sort(key=lambda report: -report.duration)
    return [f"{report.duration:6.1f} s  {report.nodeid}" for report in over]
