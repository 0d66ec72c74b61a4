"""Messages of other libraries, shortened for one line."""

import pytest

from bench.errors import first_line, one_line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("cannot load\n  node 3:\tno kernel ", "cannot load node 3: no kernel"),
        ("x" * 201, "x" * 200),
        (" \n", "ValueError"),
    ],
)
def test_a_message_of_several_lines_becomes_one_of_200_characters(message: str, line: str) -> None:
    assert one_line(ValueError(message)) == line


def test_the_first_line_is_cut_off() -> None:
    assert first_line(ValueError("\n a \nb")) == "a"
    assert first_line(ValueError("")) == "ValueError"
