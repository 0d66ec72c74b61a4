"""`ofabench verify` on the fake machine: its figures, its exit codes and its refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.backends.registry import get_backend
from bench.blocks.model import random_model
from bench.blocks.torch_modules import network_of
from bench.devices.cpu.local import LocalDevice
from bench.sweep.store import SweepStore
from ofabench.cli import main as cli
from ofabench.launcher import launch
from ofabench.options.device import DeviceOptions
from ofabench.options.verify import VerifyOptions, VerifyRequest
from ofabench.workflows.deploy.repeated_verification import verify_part
from ofabench.workflows.sweep.sweep_setup import make_target
from supernet.data import open_data
from supernet.data.digits import load_digits_parts
from supernet.data.digits_parts import DatasetParts
from supernet.export.export import ExportSpec, export
from supernet.export.model_card import Normalisation
from supernet.export.network_file import StandaloneNetwork
from tests.support.fake_exports import (
    ARCH,
    BLOCKS,
    COST_MS,
    TARGET,
    TINY,
    export_fake,
    write_predictor,
)

QUICK = ("--loads", "3", "--passes", "2", "--device", "fake")


def small_digits(seed: int) -> DatasetParts:
    splits = load_digits_parts(train=10, validation=10, test=60, seed=seed)
    return DatasetParts(name="digits", channels=1, classes=10, size=32, splits=splits)


@pytest.fixture(autouse=True)
def _only_this_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(open_data._DATASETS, "digits", small_digits)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    parts = small_digits(0)
    normalisation = Normalisation(mean=parts.mean, std=parts.spread)
    return export_fake(tmp_path / "net.json5", normalisation)


def predictor(folder: Path, **options: Any) -> str:
    """A predictor as `write_predictor` makes it, in this folder."""
    return write_predictor(folder / "p.parquet", **options)


def verify(model: Path, latency: str, *more: str) -> int:
    return cli.main(["verify", str(model), "--latency", latency, *QUICK, *more])


@pytest.mark.slow
def test_a_prediction_within_tolerance(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(model, predictor(model.parent), "--json") == 0

    data = json.loads(capsys.readouterr().out)
    # The fake machine is noisy by a few percent.
    measured = data["measured"]
    assert measured["ms"] == pytest.approx(COST_MS, rel=0.08)
    assert data["predicted_ms"] == pytest.approx(COST_MS)
    assert measured["low_ms"] <= measured["ms"] <= measured["high_ms"]
    assert measured["within_tolerance"] is True
    assert data["prediction_within_tolerance"] is True
    assert data["accuracy"] is None


@pytest.mark.slow
def test_a_prediction_out_of_tolerance_is_exit_code_1(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latency = predictor(model.parent, predicts_ms=0.8 * COST_MS)

    assert verify(model, latency) == 1
    assert "NOT WITHIN 10 % of the prediction" in capsys.readouterr().out
    assert verify(model, latency, "--tolerance", "0.5") == 0
    assert ", within 50 % of the prediction" in capsys.readouterr().out


@pytest.mark.slow
def test_both_latencies_are_shown_with_both_verdicts(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anchors took a tenth in the predictor's sweep: ten times slower since, by all of them."""
    latency = predictor(model.parent, predicts_ms=0.1 * COST_MS, slower=10.0)
    result = result_with({TARGET.key: 0.2 * COST_MS}, model.parent / "r.json")
    out = model.parent / "v.json"

    assert verify(model, latency, "--result", result, "--out", str(out)) == 1

    output, data = capsys.readouterr().out, json.loads(out.read_text())
    assert data["drift"]["ratio"] == pytest.approx(10, rel=0.1)
    assert data["drift_corrected"]["ms"] == pytest.approx(0.1 * COST_MS, rel=0.1)
    assert (data["prediction_within_tolerance"], data["limit_met"]) == (True, False)
    raw, corrected, drift, samples = output.splitlines()[3:7]
    assert raw.startswith("  measured ")
    assert raw.endswith("NOT WITHIN 10 % of the prediction; limit NOT MET")
    assert corrected.startswith("  drift-corrected ")
    assert corrected.endswith(", within 10 % of the prediction; limit met")
    assert "against the predictor's sessions, by the median of 5 anchor networks: anchor 1" in drift
    assert samples.startswith("  samples          median ")
    assert "; a p99 needs 500)" in samples
    assert data["tail"]["p90_ms"] >= data["median_ms"] == data["measured"]["ms"]


@pytest.mark.slow
def test_a_predictor_of_p90_is_judged_by_p90_and_no_other_statistic(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latency = predictor(model.parent, statistic="p90")
    result = result_with({TARGET.key: 2 * COST_MS}, model.parent / "r.json")

    assert verify(model, latency, "--result", result, "--tolerance", "0.9") == 0

    output = capsys.readouterr().out
    assert f"  predicted        {COST_MS:.4g} ms (p90)" in output
    assert f"  limit            {2 * COST_MS:g} ms (p90)" in output
    assert " ms (p90) (95 % interval " in output
    assert verify(model, latency, "--tolerance", "0.9", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["statistic"] == "p90"
    assert data["measured"]["ms"] == data["tail"]["p90_ms"] > data["median_ms"]
    assert verify(model, latency, "--statistic", "median") == 2
    assert "predicts the p90 of a network's samples, --statistic is median" in (
        capsys.readouterr().err
    )
    assert verify(model, predictor(model.parent), "--statistic", "p90") == 2
    assert "fit one with --statistic p90, or leave --statistic out" in capsys.readouterr().err


@pytest.mark.slow
def test_a_limit_is_checked_with_the_p90_on_request(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = replace(TARGET, options=(("cache", "warm"),)).key
    result = result_with({key: 2 * COST_MS}, model.parent / "r.json")
    argv = ["verify", str(model), *QUICK, "--result", result, "--json"]

    assert cli.main([*argv, "--statistic", "p90"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["limit_met"] is True
    assert data["measured"]["ms"] == data["tail"]["p90_ms"]


@pytest.mark.slow
def test_a_limit_is_checked_with_the_statistic_of_its_search(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = replace(TARGET, options=(("cache", "warm"),)).key
    result = Path(result_with({key: 2 * COST_MS}, model.parent / "r.json"))
    data = json.loads(result.read_text())
    result.write_text(json.dumps({**data, "statistics": {key: "p90", TARGET.key: "p90"}}))
    argv = ["verify", str(model), *QUICK, "--result", str(result), "--json"]

    assert cli.main(argv) == 0
    assert json.loads(capsys.readouterr().out)["statistic"] == "p90"
    assert cli.main([*argv, "--statistic", "median"]) == 2
    assert "had a limit on the p90, --statistic has the median" in (capsys.readouterr().err)
    assert verify(model, predictor(model.parent), "--result", str(result)) == 2
    assert "limit on the p90, the predictor has the median" in capsys.readouterr().err
    result.write_text(json.dumps({**data, "statistics": {key: "best"}}))
    assert cli.main(argv) == 2
    assert "is a damaged search result (its statistic is 'best'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_repeat_stands_beside_the_first(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    latency, out = predictor(model.parent), model.parent / "v.json"
    assert verify(model, latency, "--out", str(out)) == 0
    first = json.loads(out.read_text())

    assert verify(model, latency, "--out", str(out), "--seed", "5") == 0

    both = json.loads(out.read_text())
    (again,) = both.pop("repeats")
    assert both == first
    assert again["measured"] != first["measured"]
    assert "repeat 1 (the first measurement counts)" in capsys.readouterr().out
    # Other options need another file.
    assert verify(model, latency, "--out", str(out), "--tolerance", "0.5") == 0
    assert "repeats" not in json.loads(out.read_text())
    out.write_text("mine")
    assert verify(model, latency, "--out", str(out)) == 0
    assert json.loads(out.read_text())["tolerance"] == 0.1


@pytest.mark.slow
def test_the_file_is_judged_on_test_images(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(model, predictor(model.parent), "--data", "digits", "--json") == 0

    data = json.loads(capsys.readouterr().out)
    assert 0 <= data["accuracy"] <= 1
    assert data["accuracy_low"] < data["accuracy"] < data["accuracy_high"]


@pytest.mark.slow
def test_predictions_of_the_search_are_shown_with_the_measurement(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = model.parent / "r.json"
    data = {
        "format": "ofabench-search-1",
        "arch": json.loads(TINY.to_line(ARCH)),
        "accuracy": 0.9,
        "predictions": {TARGET.key: COST_MS},
        "limits": {TARGET.key: 2.5},
    }
    result.write_text(json.dumps(data))
    out = model.parent / "v.json"

    assert verify(model, predictor(model.parent), "--result", str(result), "--out", str(out)) == 0

    verification = json.loads(out.read_text())
    assert verification["limit_ms"] == 2.5
    assert verification["predicted_accuracy"] == 0.9
    assert "limit            2.5 ms" in capsys.readouterr().out

    data["arch"] = json.loads(TINY.to_line(TINY.largest()))
    result.write_text(json.dumps(data))
    assert verify(model, predictor(model.parent), "--result", str(result)) == 2
    assert "of another network" in capsys.readouterr().err


def result_with(limits: dict[str, float], path: Path) -> str:
    data = {
        "format": "ofabench-search-1",
        "arch": json.loads(TINY.to_line(ARCH)),
        "accuracy": 0.9,
        "predictions": {},
        "limits": limits,
    }
    path.write_text(json.dumps(data))
    return str(path)


@pytest.mark.slow
def test_a_limit_that_is_not_met_is_exit_code_1(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latency = predictor(model.parent)
    tight = result_with({TARGET.key: 0.5 * COST_MS}, model.parent / "tight.json")
    loose = result_with({TARGET.key: 2 * COST_MS}, model.parent / "loose.json")

    assert verify(model, latency, "--result", tight) == 1
    output = capsys.readouterr().out
    assert f"limit            {0.5 * COST_MS:g} ms" in output
    assert ", within 10 % of the prediction; limit NOT MET" in output
    assert verify(model, latency, "--result", loose) == 0
    assert "; limit met" in capsys.readouterr().out


@pytest.mark.slow
def test_without_a_predictor_the_file_is_measured(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = replace(TARGET, options=(("cache", "warm"),)).key
    result = result_with({key: 2 * COST_MS}, model.parent / "r.json")

    assert cli.main(["verify", str(model), *QUICK, "--result", result, "--json"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["target"] == key
    assert data["measured"]["ms"] == pytest.approx(COST_MS, rel=0.08)
    assert (data["predicted_ms"], data["limit_met"]) == (None, True)
    assert data["prediction_within_tolerance"] is None


def converted_model(folder: Path, precision: str) -> Path:
    images = np.random.default_rng(0).standard_normal((8, 1, 24, 24), dtype=np.float32)
    form = ExportSpec(backend=get_backend("onnx"), precision=precision, calibration=images)
    parts = small_digits(0)
    cut = StandaloneNetwork(
        space="tiny",
        arch=ARCH,
        blocks=BLOCKS,
        network=network_of(random_model(BLOCKS)),
        normalisation=Normalisation(mean=parts.mean, std=parts.spread),
    )
    export(cut, form, folder / "net.onnx")
    return folder / "net.onnx"


@pytest.mark.slow
def test_int8_is_never_held_against_a_prediction_of_float32(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = make_target(LocalDevice(), get_backend("onnx"))
    latency, model = (
        predictor(tmp_path, predicts_ms=1e-6, target=target),
        converted_model(tmp_path, "int8"),
    )
    here = ("--device", "cpu", "--loads", "3", "--passes", "2", "--force")
    argv = ["verify", str(model), "--latency", latency, *here]

    assert cli.main([*argv, "--data", "digits", "--images", "30", "--json"]) == 0

    data = json.loads(capsys.readouterr().out)
    assert data["target"] == replace(target, precision="int8").key
    assert data["precision"] == "int8"
    assert data["measured"]["ms"] > 0
    assert (data["predicted_ms"], data["measured"]["error"]) == (None, None)
    assert data["prediction_within_tolerance"] is None
    assert data["prediction_of_another_precision"] == {"target": target.key, "predicted_ms": 1e-6}
    assert data["accuracy_images"] == 30
    assert cli.main(argv) == 0
    assert "does not apply to a file of int8: no verdict" in capsys.readouterr().out
    keep = tmp_path / "keep.sqlite"
    assert cli.main([*argv, "--keep", str(keep)]) == 0
    with SweepStore.open(keep) as store:  # the blocks measured with it are int8 too
        assert store.target.precision == "int8"


@pytest.mark.slow
def test_samples_of_a_float16_file_are_not_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = make_target(LocalDevice(), get_backend("onnx"))
    latency = predictor(tmp_path, predicts_ms=1e-6, target=target)
    model, keep = converted_model(tmp_path, "fp16"), tmp_path / "keep.sqlite"

    argv = ["verify", str(model), "--latency", latency, "--device", "cpu", "--force"]

    assert cli.main([*argv, "--keep", str(keep)]) == 2
    assert "samples of a file of fp16 cannot be kept" in one_line(capsys)
    assert not keep.exists()


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    return error


def test_wrong_input_is_refused_in_one_line(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    latency = predictor(model.parent)

    assert cli.main(["verify", str(model), "--latency", latency, "--device", "toaster"]) == 2
    assert "toaster" in one_line(capsys)
    assert verify(model, latency, "--backend", "abacus") == 2
    assert "abacus" in one_line(capsys)
    assert verify(model, latency, "--data", "imagenet") == 2
    assert "no data set 'imagenet'" in one_line(capsys)
    assert verify(model.parent / "absent.onnx", latency) == 2
    assert "cannot read" in one_line(capsys)
    assert verify(model, str(model)) == 2
    assert "parquet" in one_line(capsys)
    with pytest.raises(SystemExit):
        verify(model, latency, "--tolerance", "nan")
    assert "expected a number above 0" in one_line(capsys)


def test_another_target_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = predictor(model.parent, target=replace(TARGET, device="epyc"))

    assert verify(model, other) == 2

    assert "the device is fake, the predictor's epyc" in one_line(capsys)
    keep = model.parent / "keep.sqlite"
    assert verify(model, other, "--keep", str(keep)) == 2
    assert not keep.exists()


def test_a_model_without_a_card_is_refused(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign = model.with_name("resnet.onnx")
    foreign.write_bytes(model.read_bytes())
    assert verify(foreign, predictor(model.parent)) == 2
    error = capsys.readouterr().err
    assert "resnet.onnx has no card: expected resnet.onnx.json beside it" in error
    assert "`ofabench export`" in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_each_verification_is_measured_in_a_new_process(model: Path) -> None:
    request = VerifyRequest(
        model=model,
        latency=Path(predictor(model.parent)),
        device=DeviceOptions(device="fake"),
        verify=VerifyOptions(replicates=3, rounds=2),
    )

    result = launch(verify_part, request)

    assert result["measured"]["ms"] == pytest.approx(COST_MS, rel=0.08)
    assert result["prediction_within_tolerance"] is True
