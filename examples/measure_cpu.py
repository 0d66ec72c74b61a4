"""Measure blocks of a space on this CPU, and get a DataFrame: `python examples/measure_cpu.py`."""

import sys
from pathlib import Path

import pandas as pd

import ofabench as ob


def main(folder: Path, address: str = "cpu", backend: str = "onnx") -> pd.DataFrame:
    """Measure 20 random blocks of the space `tiny`, and return their latencies, slowest first."""
    options = ob.SweepOptions(blocks=20, replicates=3, rounds=10)
    with ob.open_device(address) as device:
        sweep = ob.sweep("tiny", device, backend, out=folder / "blocks.sqlite", options=options)
    frame = sweep.blocks().frame
    return frame.sort_values("latency_ms", ascending=False)


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")).head(10))
