"""Table, fit, evaluate, plot: `python examples/fit_and_evaluate.py FOLDER`."""

import sys
from pathlib import Path

import ofabench as ob


def main(folder: Path, address: str = "cpu", backend: str = "onnx") -> ob.Evaluation:
    """Fit a predictor on one sweep, judge it on the networks of another, and plot both."""
    fitted_on = ob.SweepOptions(networks=12, ends=True, replicates=2, rounds=5)
    judged_on = ob.SweepOptions(blocks=0, networks=30, replicates=2, rounds=5, seed=1)
    with ob.open_device(address) as device:
        sweep = ob.sweep("tiny", device, backend, out=folder / "fit.sqlite", options=fitted_on)
        others = ob.sweep("tiny", device, backend, out=folder / "judge.sqlite", options=judged_on)

    table = sweep.blocks()
    table.save(folder / "blocks.parquet")
    predictor = ob.fit(table, sweep.networks())
    predictor.save(folder / "latency.parquet")

    evaluation = predictor.evaluate(others.networks())
    evaluation.plot().save(folder / "latency.png")
    return evaluation


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
