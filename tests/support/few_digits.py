"""A small draw of the composed digits in place of the whole data set, for tests of commands."""

from functools import partial

import pytest

from supernet.data import open_data
from supernet.data.digits import load_digits_parts
from supernet.data.digits_parts import DatasetParts


def few_digits(
    seed: int, *, train: int = 200, validation: int = 200, test: int = 200
) -> DatasetParts:
    """Return the composed digits with fewer images."""
    splits = load_digits_parts(train=train, validation=validation, test=test, seed=seed)
    return DatasetParts(name="digits", channels=1, classes=10, size=32, splits=splits)


def use_few_digits(monkeypatch: pytest.MonkeyPatch, **sizes: int) -> None:
    """Replace the data set `digits` by `few_digits` of these sizes during a test."""
    monkeypatch.setitem(open_data._DATASETS, "digits", partial(few_digits, **sizes))
