"""Precisions of limits in bytes, latencies and accuracies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.errors import InputError
from ofabench.workflows.search.latencies import LatencySource
from ofabench.workflows.search.precisions import limits_precision, warn_of_other_precision
from supernet.accuracy.predictor import fit_accuracy
from supernet.accuracy.source import FittedAccuracy
from tests.support.search_runs import (
    OTHER,
    TARGET,
    TINY,
    latency,
    result_of,
    search,
    write_predictors,
)

FLOAT = LatencySource(latency("tiny", TARGET))
INT8 = LatencySource(latency("tiny", replace(OTHER, precision="int8")))
HALF = LatencySource(latency("tiny", replace(OTHER, precision="fp16")))


@pytest.mark.parametrize(
    ("requested", "sources", "precision"),
    [
        (None, [], "fp32"),
        (None, [INT8], "int8"),
        (None, [FLOAT], "fp32"),
        (None, [HALF], "fp32"),  # a device computes a float32 file in half precision
        ("int8", [INT8], "int8"),
        ("fp16", [FLOAT], "fp16"),
        ("int8", [FLOAT, INT8], "int8"),
    ],
)
def test_limits_in_bytes_are_for_the_files_of_the_latencies(
    requested: str | None,
    sources: list[LatencySource],
    precision: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert limits_precision(requested, sources) == precision
    assert not caplog.records


def test_another_precision_by_hand_is_used_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert limits_precision("fp32", [INT8]) == "fp32"

    assert [record.getMessage() for record in caplog.records] == [
        "limits in bytes are for fp32, latencies for files in int8: leave --precision out for both "
        "in the same precision"
    ]


def test_predictors_of_two_precisions_need_one_by_hand() -> None:
    with pytest.raises(InputError, match="are of files in fp32 and int8: give --precision"):
        limits_precision(None, [INT8, FLOAT])


def accuracy(**provenance: str) -> FittedAccuracy:
    codes = TINY.sample_codes(np.random.default_rng(0), 20)
    fitted = fit_accuracy(TINY, codes, np.linspace(0.5, 0.6, 20)).with_provenance(provenance)
    return FittedAccuracy(predictor=fitted, file="a.parquet", sha256="")


@pytest.mark.parametrize(
    ("source", "latencies", "words"),
    [
        (accuracy(precision="int8 onnx"), [INT8], ""),
        (accuracy(precision="fp32"), [FLOAT], ""),
        (accuracy(), [HALF], ""),
        (accuracy(), [], ""),
        (accuracy(), [INT8], "for fp32, latencies for files in int8: rank by accuracies in int8"),
        (accuracy(precision="int8 onnx"), [FLOAT], "for int8, latencies for files in fp32"),
        (accuracy(precision="int8 onnx"), [FLOAT, INT8], "latencies for files in fp32 and int8"),
    ],
)
def test_accuracies_of_another_precision_than_the_latencies_are_named(
    source: FittedAccuracy,
    latencies: list[LatencySource],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    warn_of_other_precision(source, latencies)

    assert len(caplog.records) == bool(words)
    assert words in caplog.text


def test_a_search_by_an_int8_predictor_limits_int8_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_predictors(tmp_path)
    INT8.predictor.save(files / "int8.parquet")
    limits = "--latency", str(files / "int8.parquet"), "--max-latency-ms", "1000"

    # The weights of the smallest network take 122 kB in int8 and 459 kB in float32.
    result = result_of(files, *limits, "--max-size-bytes", "200k")

    assert result["predictions"]["model size"] <= 200e3
    assert "accuracies are predicted for fp32" in capsys.readouterr().err
    assert search(files, *limits, "--max-size-bytes", "200k", "--precision", "fp32") == 2
    refused = capsys.readouterr().err
    assert "limits in bytes are for fp32, latencies for files in int8" in refused
    assert "the least is 4.59e+05 bytes" in refused
