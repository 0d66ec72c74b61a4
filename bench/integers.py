"""Parsing of whole numbers: from the command line, files and answers of devices."""

import re

_DIGITS = re.compile(r"[+-]?[0-9]{1,19}")


def parse_integer(text: str | None, minimum: int | None = None) -> int | None:
    """Return the whole number that a text is, in decimal digits with white space around.

    None for any other text, for None, and for a number below `minimum`. Python's own `int` takes
    more: `1_000`, digits of other scripts, and texts so long that reading takes seconds.
    """
    # What Python strips, control characters among it, `int` does not take at the ends of a number.
    stripped = "" if text is None else text.strip()
    if not _DIGITS.fullmatch(stripped):
        return None
    value = int(stripped)
    return value if minimum is None or value >= minimum else None
