"""Plain data (of JSON and TOML) read into dataclasses strictly, and written back.

Fields say what they take by their annotation: `from_plain` converts nothing silently and refuses
keys that no field has. An error names the source, the field, its value and what was expected.
"""

from bench.reading.convert import (
    from_plain,
    plain_leaf,
    to_plain,
    without_nan,
    wrong_value,
)
from bench.reading.kinds import (
    Count,
    NonNegative,
    Number,
    Positive,
    PositiveInt,
    Rule,
    Text,
    is_ascending,
)

__all__ = [
    "Count",
    "NonNegative",
    "Number",
    "Positive",
    "PositiveInt",
    "Rule",
    "Text",
    "from_plain",
    "is_ascending",
    "plain_leaf",
    "to_plain",
    "without_nan",
    "wrong_value",
]
