"""A sweep's samples over time: levels, what was marked, and what is left of the scatter."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ofabench.report.assemble import render_report
from ofabench.report.drift import read_drift
from ofabench.report.inputs import Inputs, read_inputs
from ofabench.report.samples import bins_of, drift_figure, sample_sections
from tests.support import report_runs as runs


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("run")
    runs.write_everything(folder)
    return read_inputs([folder])


def test_every_pass_of_a_sweep_is_told(everything: Inputs) -> None:
    drift = read_drift(everything.sweeps["sweep.sqlite"])
    assert drift is not None

    # The dry run's device is slower in one load than in another, and the references say the same.
    assert drift.load.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert np.median(drift.level) == pytest.approx(1, abs=0.02)
    assert np.ptp(drift.level.reshape(3, 4), axis=1).max() < 0.03
    assert np.ptp(drift.level) > 0.08
    assert drift.compute == pytest.approx(drift.level, rel=0.05)
    assert np.abs(drift.residual[:, 2]).max() < 0.02
    assert (np.diff(drift.residual, axis=1) >= 0).all()
    assert drift.retaken.sum() == 0
    (section,) = sample_sections(everything)
    assert f"{len(drift)} rounds in 3 replicates" in section.text


def test_bins_hold_each_pass_once_and_never_two_loads() -> None:
    load = np.repeat([0, 1, 2], [700, 5, 695])

    bins = bins_of(load, 100)

    assert np.concatenate(bins).tolist() == list(range(1400))
    assert all(len(set(load[some].tolist())) == 1 for some in bins)
    assert len(bins) == 50 + 1 + 50
    assert [some.tolist() for some in bins_of(np.zeros(3, dtype=np.int64), 9)] == [[0], [1], [2]]


def test_a_long_sweep_is_thinned_and_keeps_what_is_marked(everything: Inputs) -> None:
    drift = read_drift(everything.sweeps["sweep.sqlite"])
    assert drift is not None
    times = 5000 // len(drift)
    grown: dict[str, Any] = {
        name: np.tile(getattr(drift, name), (times, 1) if name == "residual" else times)
        for name in ("level", "compute", "memory", "residual", "retaken", "disturbed")
    }
    count = len(grown["level"])
    marked = np.zeros(count, dtype=np.bool_)
    marked[1234] = True
    long = replace(
        drift,
        load=np.zeros(count, dtype=np.int64),
        group=np.zeros(count, dtype=np.int64),
        taken_at=drift.taken_at * times,
        marked=marked,
        **grown,
    )

    figure = drift_figure(long)

    assert len(figure.data[0].x) <= 600
    (crosses,) = [one for one in figure.data if one.name.startswith("disturbed: ")]
    assert len(crosses.x) == 1
    assert len(figure.to_json()) < 300_000


def test_a_sweep_alone_brings_its_blocks(everything: Inputs) -> None:
    page, _ = render_report([everything.sweeps["sweep.sqlite"]])

    assert "Samples over time: sweep.sqlite" in page
    assert "12 blocks of fake/fake-1" in page
