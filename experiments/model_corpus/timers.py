"""`measure` compared with loops as in the runtimes' benchmark tools, five runs of each.

    python -m experiments.model_corpus.timers --corpus CORPUS [--runtime tflite] [--out F.json]

A loop is a fresh process for each model, as onnxruntime_perf_test and benchmark_model are: warm-up,
then one inference after the other for a second, of which the mean is what those tools print. A run
of `measure` times all models in the same rounds. Loops and `measure` take turns.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ofabench as ob
from experiments.model_corpus.corpus import RUNTIMES

MODELS = {
    "onnx": (
        "mobilenetv3_small_100-224",
        "resnet18-160",
        "efficientnet_b0-160",
        "vit_tiny_patch16_224-224",
        "lstm_128",
        "shufflenet_v2_x0_5-64",
    ),
    "tflite": (
        "mobilenetv3_small_075-160",
        "resnet18-160",
        "mobilenetv2_050-160",
        "lcnet_075-224",
        "unet_8",
        "keyword_32",
    ),
}
WARM_UP_S, LOOP_S, LEAST_RUNS = 0.5, 1.0, 50
Runs = dict[str, list[dict[str, float]]]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare measure with loops.")
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--runtime", choices=RUNTIMES, default="onnx")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--models", default="", help="default: six of the corpus")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--force", action="store_true", help="for tries on a busy machine")
    parser.add_argument("--loop", type=Path, help="run one loop, and print its figures")
    args = parser.parse_args()
    if args.loop is not None:
        print(json.dumps(looped(args.loop)))
        return 0
    names = [*filter(None, args.models.split(","))] or MODELS[args.runtime]
    files = [args.corpus / f"{name}.{args.runtime}" for name in names]
    runs = timed(files, args.runs, force=args.force)
    if args.out is not None:
        args.out.write_text(json.dumps(runs), encoding="utf-8")
    print("\n".join(lines(runs)))
    return 0


def timed(files: list[Path], count: int, *, force: bool) -> Runs:
    """Return of each model the figures of each run."""
    options = ob.MeasureOptions(replicates=3, rounds=10, force=force)
    runs: Runs = {path.name: [] for path in files}
    for run in range(count):
        print(f"run {run + 1} of {count}", flush=True)
        loops = {path.name: in_process(path) for path in files}
        measured = {each.file: each for each in ob.measure(files, "cpu", options=options)}
        for name, loop in loops.items():
            each = measured[name]
            ours = {"measured": each.measured_ms, "corrected": each.corrected_ms}
            runs[name].append({**loop, **ours})
    return runs


def in_process(path: Path) -> dict[str, float]:
    """Run a loop in a fresh process."""
    command = [sys.executable, "-m", "experiments.model_corpus.timers", "--loop", str(path)]
    result = subprocess.run(command, capture_output=True, check=True, text=True)
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures


def looped(path: Path) -> dict[str, float]:
    """Return mean and median of inferences one after the other, in ms."""
    infer = onnx_inference(path) if path.suffix == ".onnx" else tflite_inference(path)
    end = time.perf_counter() + WARM_UP_S
    while time.perf_counter() < end:
        infer()
    ms: list[float] = []
    end = time.perf_counter() + LOOP_S
    while time.perf_counter() < end or len(ms) < LEAST_RUNS:
        started = time.perf_counter_ns()
        infer()
        ms.append((time.perf_counter_ns() - started) / 1e6)
    return {"loop mean": float(np.mean(ms)), "loop median": float(np.median(ms))}


def onnx_inference(path: Path) -> Callable[[], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    inputs = {
        each.name: random.standard_normal(each.shape).astype(np.float32)
        for each in session.get_inputs()
    }
    return lambda: session.run(None, inputs)


def tflite_inference(path: Path) -> Callable[[], Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    for each in interpreter.get_input_details():
        value = random.standard_normal(each["shape"]).astype(np.float32)
        interpreter.set_tensor(each["index"], value)
    invoke: Callable[[], Any] = interpreter.invoke
    return invoke


def lines(runs: Runs) -> list[str]:
    """Return a Markdown table: medians over runs, and each timer's spread between runs."""
    timers = list(next(iter(runs.values()))[0])
    rows = [
        "| model | " + " | ".join(f"{timer}, ms (spread)" for timer in timers) + " |",
        "| --- |" + " --- |" * len(timers),
    ]
    for name, each in runs.items():
        cells = []
        for timer in timers:
            values = [run[timer] for run in each]
            cells.append(f"{np.median(values):.4g} ({spread(values):.1%})")
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    mean = [
        np.mean([spread([r[timer] for r in each]) for each in runs.values()]) for timer in timers
    ]
    rows.append("| mean spread | " + " | ".join(f"{value:.1%}" for value in mean) + " |")
    return rows


def spread(values: list[float]) -> float:
    """Return the largest over the smallest value, less 1."""
    return max(values) / min(values) - 1


if __name__ == "__main__":
    sys.exit(main())
