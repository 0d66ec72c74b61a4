"""Tools for operators, by backend."""

import pytest

from bench.errors import InputError
from bench.models.model_file import BACKEND_OF_SUFFIX
from bench.operators.registry import OPERATOR_FILES, OPERATOR_TOOLS, tools_of


def test_every_backend_of_model_files_has_tools() -> None:
    assert set(OPERATOR_TOOLS) == set(BACKEND_OF_SUFFIX.values()) - {"fake"}
    assert OPERATOR_FILES == "ONNX or TFLite"
    assert tools_of("tflite").files == "TFLite"


def test_a_backend_without_tools_is_refused() -> None:
    with pytest.raises(InputError, match="the backend is torch, expected onnx or tflite"):
        tools_of("torch")
