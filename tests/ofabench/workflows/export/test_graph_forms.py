"""Backend of a file to write, by the requested forms or those of latency predictors."""

from dataclasses import replace

import pytest

from bench.errors import InputError
from bench.protocol.target import Target
from ofabench.options.export import ExportOptions
from ofabench.workflows.export.graph_forms import export_backend

TARGET = Target(device="d", backend="tflite", backend_version="1")
HALF = TARGET.with_options(depthwise7="split", weights="float16", cache="warm")


def test_a_file_has_the_forms_of_the_predictor_in_its_precision() -> None:
    int8 = replace(TARGET, precision="int8").with_options(hswish="decomposed")
    options = ExportOptions(format="tflite", precision="fp32")

    assert export_backend(options, [int8, HALF]).options() == (
        ("depthwise7", "split"),
        ("weights", "float16"),
    )
    assert export_backend(options, []).options() == ()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_float16_weights_of_a_predictor_are_for_files_in_float32(precision: str) -> None:
    options = ExportOptions(format="tflite", precision=precision)

    assert export_backend(options, [HALF]).options() == (("depthwise7", "split"),)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_float16_weights_are_refused_where_the_precision_decides_them(precision: str) -> None:
    options = ExportOptions(format="tflite", precision=precision, forms="weights=float16")

    with pytest.raises(InputError, match=f"for files in fp32, and this file is in {precision}"):
        export_backend(options)
