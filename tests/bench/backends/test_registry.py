import subprocess
import sys
from importlib import metadata

import pytest

from bench.backends import onnx_backend, tflite_backend
from bench.backends.onnx_backend import OnnxBackend
from bench.backends.registry import get_backend
from bench.backends.tflite_backend import TfliteBackend
from bench.backends.torch_backend import TorchBackend
from bench.errors import InputError, MissingRuntimeError


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="'openvino', expected torch, onnx, tflite or tensorrt"):
        get_backend("openvino")


def test_unknown_option_is_named() -> None:
    with pytest.raises(InputError, match=r"backend onnx does not have the options \['compile'\]"):
        get_backend("onnx", compile=True)


def test_options_reach_the_backend() -> None:
    assert get_backend("torch").options() == (("mode", "eager"),)
    assert get_backend("torch", compile=True).options() == (("mode", "compile"),)


def test_getting_a_backend_imports_no_runtime() -> None:
    runtimes = {"torch", "onnx", "onnxruntime", "ai_edge_litert", "tflite_runtime"}
    code = (
        "import sys\nfrom bench.backends.registry import BACKENDS, get_backend\n"
        "for name in BACKENDS: get_backend(name)\n"
        f"imported = {runtimes!r} & set(sys.modules)\nassert not imported, imported"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_torch_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingRuntimeError, match="pip install torch"):
        TorchBackend().version()


def test_missing_onnxruntime_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    onnx_backend._runtime_version.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingRuntimeError, match="pip install onnxruntime onnx"):
        OnnxBackend().version()


def test_missing_tflite_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    tflite_backend._runtime.cache_clear()
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    with pytest.raises(MissingRuntimeError, match="pip install ai-edge-litert"):
        TfliteBackend().version()


def test_two_installed_onnxruntimes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    onnx_backend._runtime_version.cache_clear()
    real = metadata.version

    def version(name: str) -> str:
        return "1.20.0" if name.startswith("onnxruntime") else real(name)

    monkeypatch.setattr(onnx_backend, "version", version)
    with pytest.raises(MissingRuntimeError, match="onnxruntime-gpu are both installed"):
        OnnxBackend().version()
