"""The result of a fit as text: a table of forms, the chosen ones marked; and its progress."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import FileError
from latency_models.networks.network_calibration import CalibrationChoice
from latency_models.regression.regression import Choice
from ofabench.options.fit import FitOptions
from ofabench.workflows.latency.fit import fit
from ofabench.workflows.latency.fit_text import fit_text
from supernet.space.space import SearchSpace
from tests.support.report_runs import predictor, table

TINY = SearchSpace.load("tiny")
CHOICES = (
    Choice(
        kind="mbconv",
        rows=120,
        form="linear*smooth",
        errors=(("pooled", 0.25), ("linear", 0.1), ("linear*smooth", 0.034), ("trees", 0.2)),
    ),
    Choice(kind="stem", rows=5, form="linear", errors=(("pooled", 1.5), ("linear", 0.02))),
    Choice(kind="avg_pool", rows=2, form="pooled", errors=()),
)
CALIBRATION = CalibrationChoice(
    form="slope, cold", networks=20, errors=(("sum", 0.5), ("slope, cold", 0.0123))
)


class Log:
    """A progress that remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def start(self, total: int, what: str) -> None:
        self.calls.append((what, total))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self.calls.append((steps, note))

    def close(self) -> None:
        self.calls.append(("close",))


def test_forms_are_a_table_and_calibrations_a_list() -> None:
    model = replace(predictor(), choices=CHOICES, composition_choice=CALIBRATION)

    lines = fit_text(model, lambda text: f"<{text.strip()}>").splitlines()

    assert lines[:9] == [
        "blocks, mean cross-validation error of each form (* is chosen)",
        "kind           rows   pooled    linear    linear     trees ",
        "                                         *smooth",
        "mbconv          120    25.0%     10.0% <3.4%*>    20.0%",
        "stem              5   150.0% <2.0%*>",
        "avg_pool          2  too few rows for cross-validation: <pooled*>",
        "calibration on 20 networks, mean leave-one-out error (* is chosen)",
        "  sum           50.0%",
        "<slope, cold    1.2%*>",
    ]
    assert max(map(len, fit_text(model).splitlines())) < 100


def test_each_form_is_shown_before_and_after_it_is_tried() -> None:
    """Ten blocks of one kind are enough for three forms, two of another for none."""
    progress, whole = Log(), table()
    rows = whole.rows
    few = [rows[rows["kind"] == "mbconv"].head(10), rows[rows["kind"] == "classifier"].head(2)]
    blocks = replace(whole, rows=pd.concat(few, ignore_index=True))

    fit(blocks, progress=progress)

    assert progress.calls == [
        ("fitting blocks", 3),
        (0, "mbconv: pooled"),
        (1, "mbconv: pooled"),
        (0, "mbconv: linear"),
        (1, "mbconv: linear"),
        (0, "mbconv: linear*smooth"),
        (1, "mbconv: linear*smooth"),
        ("close",),
    ]


def test_prior_costs_are_shown() -> None:
    archs = TINY.sample(np.random.default_rng(0), 8)
    macs = [sum(block.macs for block in TINY.blocks(arch)) for arch in archs]
    measured = TINY.to_frame(archs).assign(box_ms=np.array(macs) / 1e6)
    progress = Log()

    fit(networks=measured, options=FitOptions(space="tiny"), progress=progress)

    (what, total), *steps, last = progress.calls
    assert (what, last) == ("fitting networks", ("close",))
    assert [number for number, _ in steps] == [0, 1] * int(str(total))


def test_a_failure_closes_the_progress(tmp_path: Path) -> None:
    progress = Log()
    with pytest.raises(FileError):
        fit(tmp_path / "none.parquet", progress=progress)
    assert progress.calls == [("close",)]
