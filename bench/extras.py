"""Packages that only one job needs: the extras of `pip install 'ofabench[EXTRA]'`."""

import importlib.util

from bench.errors import MissingRuntimeError

# By module, the package that holds it and the extra that installs it.
EXTRAS = {
    "adb_shell": ("adb-shell", "phone"),
    "ai_edge_quantizer": ("ai-edge-quantizer", "quantizer"),
    "kornia": ("kornia", "augment"),
    "matplotlib": ("matplotlib", "report"),
    "onnxscript": ("onnxscript", "export"),
    "plotly": ("plotly", "report"),
    "tensorboard": ("tensorboard", "tensorboard"),
    "webdataset": ("webdataset", "webdataset"),
    "pynvml": ("nvidia-ml-py", "gpu"),
}


def missing_extra(module: str, purpose: str) -> MissingRuntimeError:
    """Return the error that names the extra which installs `module`.

    Args:
        module: one of `EXTRAS`.
        purpose: what needs it, as the start of a sentence: `phones need`.
    """
    package, extra = EXTRAS[module]
    return MissingRuntimeError(
        f"{purpose} the package {package}, which is not installed: pip install 'ofabench[{extra}]'"
    )


def check_extra(module: str, purpose: str) -> None:
    """Raise the error of `missing_extra` if `module` is not installed; it is not imported."""
    if importlib.util.find_spec(module) is None:
        raise missing_extra(module, purpose)
