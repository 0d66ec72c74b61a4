"""Unmarked tests over the limit are listed, the longest first."""

from typing import Literal

import pytest

from tests.support.slow_tests import over_limit_without_mark


def _report(
    name: str,
    duration: float,
    *,
    marked: bool = False,
    when: Literal["setup", "call", "teardown"] = "call",
) -> pytest.TestReport:
    keywords: dict[str, Literal[1]] = {name: 1}
    if marked:
        keywords["slow"] = 1
    return pytest.TestReport(
        name, (name, 0, name), keywords, "passed", None, when, duration=duration
    )


def test_only_unmarked_calls_over_ten_seconds_are_listed() -> None:
    reports = [
        _report("at_limit", 10.0),
        _report("over", 10.1),
        _report("marked", 99.0, marked=True),
        _report("setup", 99.0, when="setup"),
        _report("longest", 123.4),
    ]
    assert over_limit_without_mark(reports) == [" 123.4 s  longest", "  10.1 s  over"]
