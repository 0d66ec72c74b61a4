"""A sweep's samples over time: drift, disturbed rounds, and what is left of the scatter."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.charts.samples_over_time import bins_of, drift_figure
from bench.sweep.sweep_samples import read_samples
from ofabench.report.assemble import render_report
from ofabench.report.inputs import Inputs, read_inputs
from ofabench.report.samples_over_time import (
    quality_sections,
    sample_sections,
    samples_by_sweep,
)
from tests.support import report_runs as runs


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("run")
    runs.write_everything(folder)
    return read_inputs([folder])


@pytest.mark.slow
def test_every_round_of_a_sweep_is_read(everything: Inputs) -> None:
    samples = read_samples(everything.sweeps["sweep.sqlite"])
    assert samples is not None

    # The dry run's device is slower in one replicate than in another; the references agree.
    assert samples.replicate.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert np.median(samples.drift) == pytest.approx(1, abs=0.02)
    assert np.ptp(samples.drift.reshape(3, 4), axis=1).max() < 0.03
    assert np.ptp(samples.drift) > 0.08
    assert samples.compute == pytest.approx(samples.drift, rel=0.05)
    assert np.abs(samples.residual[:, 2]).max() < 0.02
    assert (np.diff(samples.residual, axis=1) >= 0).all()
    assert samples.repeated.sum() == 0
    assert (samples.blocks, samples.networks) == (12, 3)
    (section,) = sample_sections(samples_by_sweep(everything))
    assert section.title == "Samples over time: 12 blocks and 3 networks"
    assert f"{len(samples)} rounds in 3 replicates" in section.text


def test_the_quality_of_a_sweep_is_a_row(everything: Inputs) -> None:
    samples = read_samples(everything.sweeps["sweep.sqlite"])
    assert samples is not None
    (section,) = quality_sections(samples_by_sweep(everything))
    (table,) = section.tables

    assert table["sweep"] == ["12 blocks and 3 networks"]
    assert table["file"] == ["sweep.sqlite"]
    assert (table["replicates"], table["rounds"]) == ([3], [12])
    assert table["drift, highest"] == [pytest.approx(samples.drift.max() - 1)]
    spread = np.median(samples.residual[:, 4] - samples.residual[:, 0]) / 2
    assert table["residual, 90 %"] == [pytest.approx(spread)]


def test_bins_hold_each_round_once_and_never_two_replicates() -> None:
    replicate = np.repeat([0, 1, 2], [700, 5, 695])

    bins = bins_of(replicate, 100)

    assert np.concatenate(bins).tolist() == list(range(1400))
    assert all(len(set(replicate[places].tolist())) == 1 for places in bins)
    assert len(bins) == 50 + 1 + 50
    assert [places.tolist() for places in bins_of(np.zeros(3, dtype=np.int64), 9)] == [
        [0],
        [1],
        [2],
    ]


def test_a_long_sweep_is_thinned_and_keeps_marked_samples(everything: Inputs) -> None:
    samples = read_samples(everything.sweeps["sweep.sqlite"])
    assert samples is not None
    times = 5000 // len(samples)
    names = ("drift", "compute", "memory", "residual", "repeated", "disturbed")
    grown: dict[str, Any] = {
        name: np.tile(getattr(samples, name), (times, 1) if name == "residual" else times)
        for name in names
    }
    count = len(grown["drift"])
    disagrees = np.zeros(count, dtype=np.bool_)
    disagrees[1234] = True
    long = replace(
        samples,
        replicate=np.zeros(count, dtype=np.int64),
        group=np.zeros(count, dtype=np.int64),
        taken_at=samples.taken_at * times,
        disagrees=disagrees,
        **grown,
    )

    figure = drift_figure(long)

    assert len(figure.data[0].x) <= 600
    (crosses,) = [trace for trace in figure.data if trace.name.startswith("disturbed round")]
    assert len(crosses.x) == 1
    assert len(figure.to_json()) < 300_000


def test_a_sweep_without_a_table_shows_its_blocks(everything: Inputs) -> None:
    page, _ = render_report([everything.sweeps["sweep.sqlite"]])

    assert "Samples over time: 12 blocks and 3 networks" in page
    assert "12 blocks over their" in page
