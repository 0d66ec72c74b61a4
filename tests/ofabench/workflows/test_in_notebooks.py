"""Results in notebooks: the words of their text, escaped, and charts with their values."""

import math
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ofabench as ob
from bench.errors import InputError
from ofabench.workflows.deploy.verification import Verification
from tests.support import report_runs as runs
from tests.support.micro_supernets import save_micro
from tests.support.search_runs import TARGET, latency

QUICK = ob.SweepOptions(blocks=6, networks=8, replicates=2, rounds=3)
FIND = ob.SearchOptions(budget=300, patience=5, seed=3)
EVIL = "<script>x</script>.onnx"


def words(html: str) -> list[str]:
    """Words of an HTML text, in order."""
    assert "<script" not in html
    return unescape(re.sub("<[^>]*>", " ", html)).split()


def accuracy(archs: list[ob.ArchConfig]) -> list[float]:
    return [0.5 + sum(arch.depths) / 100 + arch.resolution / 1000 for arch in archs]


def values(trace: Any) -> list[tuple[float, float]]:
    return list(zip(map(float, trace.x), map(float, trace.y), strict=True))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> ob.Sweep:
    out = tmp_path_factory.mktemp("swept") / "s.sqlite"
    return ob.sweep("tiny", "fake", "fake", out=out, options=QUICK)


def test_a_sweep_is_shown_by_its_text_and_its_rounds(swept: ob.Sweep) -> None:
    assert words(swept._repr_html_()) == str(swept).split()

    plot = swept.plot()

    drift = next(trace for trace in plot.figure.data if trace.name == "drift")
    rounds = swept.summary.rounds
    assert [x for x, _ in values(drift)] == list(range(1, rounds + 1))
    assert plot.title == f"Samples over time, {swept.target.key}"
    assert len(plot._repr_svg_()) < 100_000


def test_a_table_of_blocks_is_summarised_by_kind_and_drawn_over_macs(swept: ob.Sweep) -> None:
    table = swept.blocks()
    of_kind = table.frame[table.frame["kind"] == "mbconv"]["latency_ms"]
    summary = [f"{ms:.4g}" for ms in (of_kind.min(), of_kind.median(), of_kind.max())]

    html = table._repr_html_()

    assert repr(table) in unescape(html)
    assert " ".join(["mbconv", str(len(of_kind)), *summary]) in " ".join(words(html))
    assert "median, ms" in html
    drawn = {point for trace in table.plot().figure.data for point in values(trace)}
    assert drawn == {
        (spec.macs / 1e6, ms)
        for spec, ms in zip(table.specs, table.frame["latency_ms"], strict=True)
        if spec.macs
    }


def test_an_evaluation_draws_the_noise_of_what_was_measured(swept: ob.Sweep) -> None:
    networks = swept.networks()
    evaluation = ob.fit(swept.blocks()).evaluate(networks)

    *_, dots = evaluation.plot().figure.data

    assert values(dots) == [
        pytest.approx(pair)
        for pair in zip(evaluation.measured_ms, evaluation.predicted_ms, strict=True)
    ]
    (column,) = networks.latency_columns
    spread = networks.frame[column.removesuffix("_ms") + "_spread"]
    half_ms = spread.to_numpy() * networks.frame[column].to_numpy()
    assert sorted(dots.error_x.array) == pytest.approx(sorted(half_ms))
    for line in str(evaluation).splitlines():
        assert " ".join(line.split()) in " ".join(words(evaluation._repr_html_()))


def test_networks_that_cannot_run_are_not_drawn(swept: ob.Sweep) -> None:
    evaluation = ob.fit(swept.blocks()).evaluate(swept.networks())
    predicted_ms = evaluation.predicted_ms.copy()
    predicted_ms[1:] = math.inf

    *_, dots = replace(evaluation, predicted_ms=predicted_ms).plot().figure.data

    assert values(dots) == [(evaluation.measured_ms[0], evaluation.predicted_ms[0])]
    with pytest.raises(InputError, match="no network of the table can run on fake"):
        replace(evaluation, predicted_ms=predicted_ms * math.inf).plot()


def test_blocks_without_multiplications_have_no_chart() -> None:
    table = runs.table()
    rows = table.rows[table.rows["kind"] == "avg_pool"]
    with pytest.raises(InputError, match="no block of the table has multiplications"):
        replace(table, rows=rows).plot()


def test_a_predictor_marks_what_was_chosen(swept: ob.Sweep) -> None:
    predictor = ob.fit(swept.blocks(), swept.networks())

    shown = words(predictor._repr_html_())

    choice = predictor.block_predictor.composition_choice
    assert choice is not None
    assert f"{choice.form} {dict(choice.errors)[choice.form]:.1%}*" in " ".join(shown)
    assert "network" in shown


def test_a_search_is_shown_by_its_text_and_its_improvements() -> None:
    limit = ob.latency_limit(latency("tiny", TARGET), "3ms")
    result = ob.search("tiny", accuracy, limit, FIND)

    assert words(result._repr_html_()) == str(result).split()

    (line,) = result.plot().figure.data
    steps = [(step.evaluated, step.accuracy) for step in result.history if step.accuracy]
    assert values(line) == [*steps, (result.evaluated, steps[-1][1])]


def test_a_front_is_drawn_from_the_fastest_to_the_most_accurate() -> None:
    front = ob.pareto("tiny", accuracy, [latency("tiny", TARGET)], options=FIND)

    assert words(front._repr_html_()) == str(front).split()

    (steps,) = front.plot().figure.data
    assert values(steps) == [(each.predictions[TARGET.key], each.accuracy) for each in front]
    assert steps.line.shape == "hv"
    assert front[0].plot().title == "History of the search, tiny"
    with pytest.raises(InputError, match=f"no latency of other; it has those of {TARGET.key}"):
        front.plot("other")


def test_measurements_and_verifications_are_shown_by_their_text() -> None:
    model = ob.ModelMeasurement(
        file=EVIL, backend="onnx", target="here/onnx-1", measured_ms=1.5, low_ms=1.4, high_ms=1.6,
        corrected_ms=1.45, corrected_low_ms=1.4, corrected_high_ms=1.5, p90_ms=1.7, p99_ms=None,
        cold_ms=2.0, samples=48, narrow_interval=False, load_ms=None, first_ms=None,
        peak_memory_bytes=2_000_000, size_bytes=1, digest="",
    )  # fmt: skip
    measured = ob.Measurements(models=(model,), failures={EVIL: "no"}, started_at="", facts={})
    assert words(measured._repr_html_()) == str(measured).split()

    verified = Verification(
        {
            **runs.verification(2.0, 2.2, 2.05, limit_ms=2.1),
            "model": EVIL,
            "target": "box",
            "accuracy": None,
            "prediction_of_another_precision": None,
            "extrapolated": [],
            "on_device": None,
        }
    )
    assert words(verified._repr_html_()) == str(verified).split()


def test_a_training_is_drawn_from_its_log(tmp_path: Path) -> None:
    supernet = ob.load_supernet(save_micro(tmp_path / "s.safetensors"))
    assert words(supernet._repr_html_()) == str(supernet).split()
    runs.write_lines(tmp_path / "s.jsonl", runs.log_lines())

    loss, accuracy_of_largest = supernet.plot().figure.data

    assert values(loss) == [(10 * i + 10, 2.0 / (i + 1)) for i in range(5)]
    assert values(accuracy_of_largest) == [(50, 0.6)]
    assert (loss.yaxis, accuracy_of_largest.yaxis) == ("y", "y2")

    runs.write_lines(tmp_path / "s.jsonl", runs.log_lines()[:-1])
    (loss,) = supernet.plot().figure.data
    assert len(loss.x) == 5


def test_a_training_without_a_log_has_no_chart(tmp_path: Path) -> None:
    supernet = ob.load_supernet(save_micro(tmp_path / "s.safetensors"))
    with pytest.raises(ob.OfabenchError, match=r"s\.jsonl"):
        supernet.plot()


def test_a_space_is_shown_as_the_command_shows_it() -> None:
    space = ob.load_space("tiny")
    shown = " ".join(words(space._repr_html_()))

    assert shown.startswith("Space tiny family mbconv ")
    assert f"networks {space.count()} " in shown
    assert "smallest 24 px" in shown


def test_predictions_have_units_and_four_digits() -> None:
    space = ob.load_space("tiny")
    archs = space.sample(np.random.default_rng(0), 50)
    predictor = ob.fit(runs.table())

    html = predictor.predict(archs)._repr_html_()

    assert "latency_ms" in html
    assert html.count("<tr") == 12
    assert len(html) < 10_000
