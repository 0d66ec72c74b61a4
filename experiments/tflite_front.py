"""The front of accuracy against latency on LiteRT, with and without the faster forms of a graph.

    python -m experiments.tflite_front --data ../shared/data --out runs/front [--int8]

For each form: a sweep with a budget and a fit, eight limits between the fastest and the slowest
network, and a search of ofa-mbv3-w1.0 within each by OFA's published accuracy predictor (that of
float32: the int8 files are not scored). Then all networks are measured in the same rounds, in
another process than the sweeps: each in the form that it was searched for, and those of the plain
form in the other forms too. All is measured twice, for the noise. Printed: how much less latency
the same accuracy takes, interpolated along the fronts.

For each form 4 minutes for the sweep and half a minute for searches, then 3 minutes of measuring:
12 minutes in total, 17 with --int8. A second start continues.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.blocks.spec import BlockSpec
from bench.devices.registry import get_device
from bench.files import write_text
from bench.sweep.form_choice import Variant
from experiments.form_steps import fitting_steps
from experiments.int8_forms import measured_ms, variant_of
from experiments.steps import run_steps
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.options.search import SearchOptions
from ofabench.workflows.devices import measuring_alone
from ofabench.workflows.search.limits import latency_limit
from ofabench.workflows.search.search import pareto
from supernet.space.space import SearchSpace

SPACE, SIZES = "ofa-mbv3-w1.0", (160, 176, 192, 208, 224)  # those of OFA's predictor
BACKEND, WEIGHTS = "tflite", "ofa_mbv3_acc_predictor.pth"
PLAIN, SPLIT = "fp32", "fp32 depthwise7=split"
INT8 = "int8 hswish=decomposed,depthwise7=split,stem=float"
Floats = NDArray[np.float64]


def main() -> None:
    """Fit, search, measure, and print the fronts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help=f"folder that holds {WEIGHTS}")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--budget", default="3m", help="of each sweep")
    parser.add_argument("--limits", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--int8", action="store_true", help="also the front of int8 files")
    parser.add_argument("--force", action="store_true", help="for tries on a busy machine")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    variants = (PLAIN, SPLIT, INT8) if options.int8 else (PLAIN, SPLIT)
    fronts: dict[str, list[tuple[str, float]]] = {}
    for number, name in enumerate(variants):
        predictor = fitted(options.out, number, name, options.budget, force=options.force)
        began_s = time.monotonic()
        fronts[name] = searched(options.out, number, predictor, options.data, options.limits)
        print(f"{name}: searched in {time.monotonic() - began_s:.0f} s", flush=True)
    measured = measured_twice(options.out, fronts, options.rounds, force=options.force)
    print(report(fronts, measured))


def fitted(folder: Path, number: int, name: str, budget: str, *, force: bool) -> LatencyPredictor:
    """Return the predictor of a variant, fitted on a sweep with a budget of time."""
    variant = variant_of(name)
    forms = ",".join(f"{form}={value}" for form, value in variant.form.options())
    sweep = (
        "--space", SPACE, "--backend", BACKEND, "--precision", variant.precision,
        "--resolutions", ",".join(map(str, SIZES)), "--budget", budget,
        *(("--forms", forms) if forms else ()), *(("--force",) if force else ()),
    )  # fmt: skip
    run_steps(fitting_steps(folder, f"form{number}", sweep), print)
    return LatencyPredictor.load(folder / f"form{number}.parquet")


def searched(
    folder: Path, number: int, predictor: LatencyPredictor, data: Path, count: int
) -> list[tuple[str, float]]:
    """Return the networks found under limits, as lines, with their accuracies, fast to slow."""
    path = folder / f"form{number}-front.json"
    if not path.exists():
        space = SearchSpace.load(SPACE).with_resolutions(SIZES)
        ends = space.smallest(), space.largest()
        least, most = (predictor.predict(space.blocks(arch)).ms for arch in ends)
        limits = [
            latency_limit(predictor, limit_ms)
            for limit_ms in np.geomspace(least, most, count + 2)[1:-1].tolist()
        ]
        # Sizes and channels between those measured are the budget's choice, and are fitted.
        how = SearchOptions(resolutions=SIZES, allow_extrapolated=True)
        with threadpool_limits(1):  # matrices are small: more threads only wait for each other
            front = pareto(SPACE, f"ofa:{data / WEIGHTS}", limits, options=how)
        found = {space.to_line(result.arch): result.accuracy for result in front}
        write_text(path, json.dumps(list(found.items()), indent=1) + "\n")
    return [(line, accuracy) for line, accuracy in json.loads(path.read_text())]


def measured_twice(
    folder: Path, fronts: Mapping[str, Sequence[tuple[str, float]]], rounds: int, *, force: bool
) -> dict[str, dict[str, list[float]]]:
    """Return ms by "SEARCHED FOR|WRITTEN AS" and line, of two measurements of everything.

    The key has the variant that a network was searched for, and the one that its file is in.
    """
    path = folder / "measured.json"
    if path.exists():
        loaded: dict[str, dict[str, list[float]]] = json.loads(path.read_text())
        return loaded
    space, device = SearchSpace.load(SPACE), get_device("cpu")
    pairs = [(PLAIN, written) for written in fronts] + [
        (name, name) for name in fronts if name != PLAIN
    ]
    models: dict[str, tuple[Variant, tuple[BlockSpec, ...]]] = {
        f"{name}|{written}|{line}": (variant_of(written), space.blocks(space.from_line(line)))
        for name, written in pairs
        for line, _ in fronts[name]
    }
    result: dict[str, dict[str, list[float]]] = {f"{a}|{b}": {} for a, b in pairs}
    with measuring_alone(device):
        if not force:
            device.check_quiet()
        for seed in range(2):
            times_ms = measured_ms(device, BACKEND, models, rounds, seed)
            for key, each in times_ms.items():
                name, _, line = key.rpartition("|")
                result[name].setdefault(line, []).append(float(np.median(each)))
    write_text(path, json.dumps(result, indent=1) + "\n")
    return result


def report(
    fronts: Mapping[str, Sequence[tuple[str, float]]],
    measured: Mapping[str, Mapping[str, Sequence[float]]],
) -> str:
    """Return the fronts, their ratios at the same accuracy, and the noise, as text."""
    lines = ["| searched for, written as | accuracy: ms | ms, measured twice: largest difference |"]
    lines.append("| --- | --- | --- |")
    means: dict[str, tuple[Floats, Floats]] = {}
    for key, by_line in measured.items():
        accuracies = dict(fronts[key.partition("|")[0]])
        values = np.array([accuracies[line] for line in by_line])
        twice_ms = np.array(list(by_line.values()))
        means[key] = values, twice_ms.mean(axis=1)
        points = ", ".join(f"{value:.2%}: {ms:.1f}" for value, ms in zip(*means[key], strict=True))
        noise = np.abs(twice_ms[:, 1] / twice_ms[:, 0] - 1).max()
        lines.append(f"| {key.replace('|', ', ')} | {points} | {noise:.1%} |")
    plain = means[f"{PLAIN}|{PLAIN}"]
    for key, front in means.items():
        if key != f"{PLAIN}|{PLAIN}":
            lines.append(f"{key.replace('|', ', written as ')}: {ratios(plain, front)}")
    return "\n".join(lines)


def ratios(plain: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> str:
    """Return the latency of a front over that of the plain one at the accuracies of the latter.

    Logarithms of latencies are interpolated between the front's networks, without those that a
    faster network beats.
    """
    accuracy, ms = other
    order = np.argsort(ms)
    better = order[np.concatenate([[True], np.diff(np.maximum.accumulate(accuracy[order])) > 0])]
    inside = (plain[0] >= accuracy[better[0]]) & (plain[0] <= accuracy[better[-1]])
    if not inside.any():
        return "no accuracy in common"
    at = np.exp(np.interp(plain[0][inside], accuracy[better], np.log(ms[better])))
    ratio = at / plain[1][inside]
    return (
        f"the same accuracy in {np.exp(np.log(ratio).mean()):.2f} times the latency of the plain "
        f"front ({ratio.min():.2f} to {ratio.max():.2f}, {int(inside.sum())} accuracies)"
    )


if __name__ == "__main__":
    main()
