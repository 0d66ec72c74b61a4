"""Sample code of a deployment: Python that runs the model on one image."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from supernet.data.class_names import LABELS

_PATH = "from pathlib import Path"


def snippet(model: Mapping[str, Any]) -> str:
    """Return Python code that runs the model on one image with numpy and the runtime."""
    _, channels, size, _ = model["input_shape"]
    mean, std = model["normalisation"]["mean"], model["normalisation"]["std"]
    shared = [
        "import numpy as np",
        f"image = np.zeros(({size}, {size}, {channels}), np.uint8)  # your own image",
        f"mean, std = np.float32({mean}), np.float32({std})",
    ]
    if model["backend"] == "onnx":
        lines = [
            shared[0],
            "import onnxruntime",
            *shared[1:],
            "given = ((image - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)",
            f'session = onnxruntime.InferenceSession("{model["file"]}", '
            'providers=["CPUExecutionProvider"])',
            'logits = session.run(None, {"input": given})[0]',
        ]
    elif model["backend"] == "torch":
        lines = [
            _PATH,
            shared[0],
            "from bench.backends.registry import get_backend  # of ofabench",
            "from bench.protocol.target import Target",
            *shared[1:],
            "given = ((image - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)",
            'target = Target(device="here", backend="torch", backend_version="any")',
            f'content = Path("{model["file"]}").read_bytes()',
            'logits = get_backend("torch").load_file(content, target).infer(given)',
        ]
    else:
        lines = [
            shared[0],
            "from ai_edge_litert.interpreter import Interpreter",
            *shared[1:],
            "given = ((image - mean) / std)[None].astype(np.float32)",
            f'interpreter = Interpreter("{model["file"]}")',
            "interpreter.allocate_tensors()",
            'interpreter.set_tensor(interpreter.get_input_details()[0]["index"], given)',
            "interpreter.invoke()",
            'logits = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])',
        ]
    return "\n".join([*_reading_names(model, lines), *_printing(model)]) + "\n"


def _reading_names(model: Mapping[str, Any], lines: Sequence[str]) -> Iterator[str]:
    """Insert the line that reads class names, if there are any, before the image."""
    if model["class_names"] and _PATH not in lines:
        yield _PATH
    for line in lines:
        if line.startswith("image = ") and model["class_names"]:
            yield f'names = Path("{LABELS}").read_text(encoding="utf-8").split("\\n")'
        yield line


def _printing(model: Mapping[str, Any]) -> Iterator[str]:
    if model["class_names"]:
        yield "print(names[logits.argmax()])  # the class"
    else:
        yield "print(logits.argmax())  # the number of the class, from 0"
