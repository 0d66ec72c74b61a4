"""Plug in a backend and a device of one's own, and measure with them: docs/how-to/plugins.md.

python examples/plug_in.py FOLDER
"""

import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
from numpy.typing import NDArray

import ofabench as ob


class PlainModel:
    """An ONNX file run as it was written: onnxruntime optimises nothing."""

    def __init__(self, content: bytes, target: ob.Target, seed: int) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = target.threads
        self._session = onnxruntime.InferenceSession(content, options)
        (given,) = self._session.get_inputs()
        images = np.random.default_rng(seed).standard_normal(given.shape).astype(np.float32)
        self._name, self._feed = given.name, {given.name: images}

    def run(self) -> object:
        """One inference: what is timed."""
        return self._session.run(None, self._feed)

    def infer(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs for images."""
        (made,) = self._session.run(None, {self._name: images})
        return np.asarray(made, dtype=np.float32)


class PlainOnnx:
    """A backend: files from ours, run in our own way."""

    name = "onnx-plain"
    file_suffix = ".onnx"

    def version(self) -> str:
        return str(onnxruntime.__version__)

    def options(self) -> tuple[tuple[str, str], ...]:
        return (("optimised", "no"),)

    def serialise(self, model: ob.Model, batch: int = 1, precision: str = "fp32") -> bytes:
        return ob.get_backend("onnx").serialise(model, batch, precision)

    def load(self, model: ob.Model, target: ob.Target, *, seed: int = 0) -> PlainModel:
        return self.load_file(self.serialise(model, target.batch), target, seed=seed)

    def load_file(self, content: bytes, target: ob.Target, *, seed: int = 0) -> PlainModel:
        return PlainModel(content, target, seed)


class RestedCpu(ob.LocalDevice):
    """This machine's processor, given a rest after each round so that it stays cool."""

    REST_S = 0.01

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def address(self) -> str:
        return self._address

    def options(self) -> tuple[tuple[str, str], ...]:
        """A figure of a rested processor means something else: another target."""
        return (*super().options(), ("rest_s", str(self.REST_S)))

    def run_replicate(
        self,
        work: Sequence[ob.Workload],
        backend: ob.Backend,
        target: ob.Target,
        plan: ob.ReplicatePlan,
    ) -> Generator[ob.RoundResult]:
        for result in super().run_replicate(work, backend, target, plan):
            yield result
            time.sleep(self.REST_S)


def main(folder: Path, *, force: bool = False) -> pd.DataFrame:
    """Measure the same blocks optimised and not, and return both latencies in ms."""
    ob.register_backend("onnx-plain", PlainOnnx)
    ob.register_device("rested-cpu", RestedCpu)
    options = ob.SweepOptions(blocks=5, replicates=2, rounds=5, force=force)
    latencies = {}
    for backend in ("onnx", "onnx-plain"):
        out = folder / f"{backend}.sqlite"
        sweep = ob.sweep("tiny", "rested-cpu:0", backend, out=out, options=options)
        latencies[backend] = sweep.blocks().frame["latency_ms"]
    return pd.DataFrame(latencies)


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
