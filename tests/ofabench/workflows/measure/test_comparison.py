"""Two measurements of model files compared: ratios, intervals, verdicts, exit codes."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import ofabench as ob
from bench.backends.fake import FakeBackend
from bench.blocks.model import random_model
from bench.blocks.spec import BlockSpec
from bench.errors import FileError, InputError
from ofabench.cli import main as cli
from ofabench.workflows.compare import compare
from ofabench.workflows.measure.comparison import MeasurementComparison, Ratio
from tests.support.report_runs import table

NARROW, WIDE = math.exp(0.02), math.exp(0.3)  # of half an interval, as factors
STEM = BlockSpec(kind="stem", in_size=16, in_channels=3, out_channels=8, kernel=3, act="relu")


def row(
    file: str, ms: float, reach: float = NARROW, corrected_ms: float = 0
) -> ob.ModelMeasurement:
    """Return a measurement with these latencies; the corrected one is the same by default."""
    corrected_ms = corrected_ms or ms
    return ob.ModelMeasurement(
        file=file,
        backend="onnx",
        target="here/onnx-1",
        measured_ms=ms,
        low_ms=ms / reach,
        high_ms=ms * reach,
        corrected_ms=corrected_ms,
        corrected_low_ms=corrected_ms / reach,
        corrected_high_ms=corrected_ms * reach,
        p90_ms=ms,
        p99_ms=None,
        cold_ms=ms,
        samples=48,
        narrow_interval=True,
        load_ms=None,
        first_ms=None,
        peak_memory_bytes=None,
        size_bytes=1,
        digest=file,
    )


def measurements(*models: ob.ModelMeasurement) -> ob.Measurements:
    return ob.Measurements(models=models, failures={}, started_at="2026-01-01T00:00:00", facts={})


def compared(
    first: ob.Measurements, second: ob.Measurements, fail_slower: float | None = None
) -> MeasurementComparison:
    result = compare(first, second, fail_slower=fail_slower)
    assert isinstance(result, MeasurementComparison)
    return result


def test_the_interval_of_a_ratio_is_the_root_mean_square_of_both() -> None:
    ratio = Ratio.of(
        2, (2 / math.exp(0.3), 2 * math.exp(0.3)), 3, (3 / math.e**0.4, 3 * math.e**0.4)
    )
    assert ratio.ratio == 1.5
    assert ratio.high == pytest.approx(1.5 * math.exp(0.25 * math.sqrt(2)))  # of 0.3 and 0.4
    assert ratio.low == pytest.approx(1.5 / math.exp(0.25 * math.sqrt(2)))
    assert ratio.verdict == "slower"


@pytest.mark.parametrize(
    ("factor", "reach", "verdict"),
    [
        (1.1, NARROW, "slower"),
        (1.1, WIDE, "no difference beyond noise"),
        (0.9, NARROW, "faster"),
        (0.9, WIDE, "no difference beyond noise"),
        (1.1, math.nan, "noise unknown"),
    ],
)
def test_a_difference_counts_beyond_noise(factor: float, reach: float, verdict: str) -> None:
    first, second = row("m.onnx", 10, reach), row("m.onnx", 10 * factor, reach)
    (model,) = compared(measurements(first), measurements(second)).models
    assert model.verdict == verdict


def test_the_corrected_latencies_decide() -> None:
    first, second = row("m.onnx", 10), row("m.onnx", 13, corrected_ms=10)
    result = compared(measurements(first), measurements(second), 0.05)
    (model,) = result.models
    assert (model.measured.ratio, model.corrected.ratio) == (1.3, 1)
    assert model.verdict == "no difference beyond noise"
    assert result.failures == ()
    assert result.overall == 1


def test_slower_by_more_than_allowed_fails_and_so_does_an_absent_file() -> None:
    first = measurements(row("a.onnx", 10), row("b.onnx", 10), row("c.onnx", 10), row("d.onnx", 1))
    noisy = row("c.onnx", 12, WIDE)
    second = measurements(row("a.onnx", 12), row("b.onnx", 10.7), noisy, row("e.onnx", 1))
    result = compared(first, second, 0.1)
    assert result.failures == (
        "a.onnx (onnx) is slower by 20.0%, allowed is 10.0%",
        "d.onnx is not in the second measurement",
    )
    assert (result.only_first, result.only_second) == (("d.onnx",), ("e.onnx",))
    assert compared(first, second).failures == ()
    assert "ONLY IN A  d.onnx" in repr(result)
    assert "all files together: +20.0%" in repr(result)


def test_files_of_another_backend_or_name_are_matched_where_that_is_clear() -> None:
    other = replace(row("m.onnx", 11), backend="tensorrt", target="there/tensorrt-1")
    result = compared(measurements(row("m.onnx", 10)), measurements(other))
    assert result.differences == ("here/onnx-1 and there/tensorrt-1",)
    assert repr(result).startswith("DIFFERS  here/onnx-1 and there/tensorrt-1\n")
    (model,) = compared(measurements(row("old.onnx", 10)), measurements(row("new.onnx", 5))).models
    assert (model.file, model.measured.ratio, model.same_content) == ("new.onnx", 0.5, False)
    two = measurements(row("a.onnx", 1), row("b.onnx", 1))
    with pytest.raises(InputError, match="no model file in common"):
        compare(two, measurements(row("c.onnx", 1), row("d.onnx", 1)))


def test_results_of_one_replicate_are_written_and_compared(tmp_path: Path) -> None:
    result = measurements(row("m.onnx", 10, math.nan))
    result.save(tmp_path / "r.json")
    assert '"low_ms": null' in (tmp_path / "r.json").read_text()
    assert math.isnan(ob.Measurements.load(tmp_path / "r.json").models[0].corrected_high_ms)
    assert "nan" not in str(result)
    again = measurements(row("m.onnx", 12, math.nan))
    assert len(compared(result, again, 0.1).failures) == 1


def test_the_command_compares_json_and_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m.json"
    model.write_bytes(FakeBackend().serialise(random_model((STEM,))))
    quick = ob.MeasureOptions(replicates=3, rounds=4)
    before, kept = tmp_path / "before.json", tmp_path / "kept.sqlite"
    measured = ob.measure(model, "fake", options=quick, keep=kept)
    measured.save(before)
    capsys.readouterr()
    assert cli.main(["compare", str(before), str(kept), "--fail-slower", "1%", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    (compared_model,) = result["models"]
    assert compared_model["measured"]["ratio"] == 1
    assert compared_model["corrected"]["low"] < 1 < compared_model["corrected"]["high"]
    assert compared_model["same_content"]
    assert result["differences"] == result["failures"] == []

    data = json.loads(before.read_text())
    for name in ("corrected_ms", "corrected_low_ms", "corrected_high_ms"):
        data["models"][0][name] /= 2
    before.write_text(json.dumps(data))
    assert cli.main(["compare", str(before), str(kept), "--fail-slower", "1%"]) == 1
    assert "FAILED  m.json (fake) is slower by 100.0%, allowed is 1.0%" in capsys.readouterr().out
    assert cli.main(["compare", str(before), str(kept)]) == 0


def _damaged(folder: Path) -> Path:
    path = folder / "damaged.json"
    measurements(row("m.onnx", 1)).save(path)
    path.write_text(path.read_text().replace('"measured_ms": 1,', '"measured_ms": "1",'))
    return path


def _zero(folder: Path) -> Path:
    measurements(row("m.onnx", 0)).save(folder / "zero.json")
    return folder / "zero.json"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_damaged, "is damaged"),
        (_zero, "are not above 0 ms"),
        (lambda folder: folder / "gone.sqlite", "cannot read"),
    ],
)
def test_files_without_latencies_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    with pytest.raises(FileError, match=message):
        compare(measurements(row("m.onnx", 1)), make(tmp_path))


def test_limits_and_pages_of_the_other_kind_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table().save(tmp_path / "t.parquet")
    measurements(row("m.onnx", 1)).save(tmp_path / "r.json")
    tables, results = [str(tmp_path / "t.parquet")] * 2, [str(tmp_path / "r.json")] * 2
    refused = [
        ([tables[0], results[0]], "some are latency tables and others measurements"),
        ([*tables, "--fail-slower", "5%"], "the limit of tables is --fail-above"),
        ([*results, "--fail-above", "5%"], "is --fail-slower, not --fail-above"),
        (results * 2, "got 4 results of `measure`, expected two"),
        ([*results, "--out", str(tmp_path / "c.html")], "--out and --csv are of latency tables"),
    ]
    for argv, message in refused:
        assert cli.main(["compare", *argv]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "c.html").exists()


def test_a_file_with_the_names_of_older_ones_is_read(tmp_path: Path) -> None:
    result = measurements(row("a.onnx", 2.0))
    data = result.to_dict()
    data["taken_at"] = data.pop("started_at")
    data["models"][0]["settled"] = data["models"][0].pop("narrow_interval")
    (tmp_path / "old.json").write_text(json.dumps(data))

    old = ob.Measurements.load(tmp_path / "old.json")

    assert old == result
    assert (old.started_at, old.models[0].narrow_interval) == ("2026-01-01T00:00:00", True)
