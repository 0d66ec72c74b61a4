"""A search that knows int8, against a search in float32 whose networks are then quantised.

    python -m experiments.int8_limits --out runs/int8 [--supernet SUPERNET.safetensors]

Of a trained `tiny` on digits, by onnxruntime, with one thread. For ten limits a search in float32
(latency and accuracy predictors of float32) finds a network. Then a search in int8 finds one within
the int8 latency that is predicted for the first, and others within less or more where it is
measured as slower or faster than the first; the one of highest predicted accuracy that is not
slower counts. Both are quantised, timed in the same rounds, and judged on the same test images.
Printed: test accuracies, their paired differences pooled over the limits, and ratios of latencies.

Training takes 6 minutes (none with --supernet), accuracies of 60 networks in both precisions 8, two
sweeps 3, the rest 3. A second start continues.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from bench.backends.registry import get_backend
from bench.devices.registry import get_device
from bench.digests import content_digest
from bench.files import write_text
from experiments.form_steps import fitting_steps
from experiments.int8_forms import measured_ms, variant_of
from experiments.steps import Step, run_steps
from experiments.training.arms import DATA, SPACE
from experiments.training.figures import difference, table, where_and_when
from experiments.training.judge import part_of, read_right, write_right
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.workflows.devices import measuring_alone
from ofabench.workflows.search.limits import latency_limit
from ofabench.workflows.search.search import search
from supernet.accuracy.quantised import Quantiser
from supernet.data.dataset import resize, score
from supernet.data.open_data import get_dataset
from supernet.space.space import SearchSpace
from supernet.train.checkpoint import load_trained
from supernet.train.recalibrate import CALIBRATION_IMAGES, extract_calibrated

SCHEDULE, BACKEND = "digits-sandwich", "onnx"
PRECISIONS = ("fp32", "int8")
SHARES = 0.05, 0.7  # of the range of float32 latencies: the lowest and the highest limit
LEAST, EQUAL = 0.97, 1.01  # ratios of measured latencies that count as equal
TRIES = 4


@dataclass(frozen=True, kw_only=True)
class Study:
    """Folder of all files, the trained supernet, and how long is measured."""

    folder: Path
    supernet: Path
    limits: int
    rounds: int
    force: bool

    def predictor(self, precision: str) -> LatencyPredictor:
        return LatencyPredictor.load(self.folder / f"latency-{precision}.parquet")

    def accuracy(self, precision: str) -> str:
        return str(self.folder / f"accuracy-{precision}.parquet")


def main() -> None:
    """Train, fit, search, judge, and print the differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--supernet", type=Path, help="a trained one, of the quickstart")
    parser.add_argument("--networks", type=int, default=60, help="for accuracy predictors")
    parser.add_argument("--limits", type=int, default=10)
    parser.add_argument("--budget", default="1m", help="of each sweep")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--force", action="store_true", help="for tries on a busy machine")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    study = Study(
        folder=options.out,
        supernet=options.supernet or options.out / "supernet.safetensors",
        limits=options.limits,
        rounds=options.rounds,
        force=options.force,
    )
    steps = [] if options.supernet else [training_step(study)]
    for precision in PRECISIONS:
        steps += accuracy_steps(study, precision, options.networks)
        sweep = ("--space", SPACE, "--backend", BACKEND, "--precision", precision,
                 "--budget", options.budget, *(("--force",) if study.force else ()))  # fmt: skip
        steps += fitting_steps(study.folder, f"latency-{precision}", sweep)
    run_steps(steps, print)
    pairs = searched(study)
    right = {line: judged(study, line) for pair in pairs for line in pair["networks"]}
    text = report(pairs, right)
    write_text(study.folder / "int8_limits.md", text + "\n")
    print(text)


def training_step(study: Study) -> Step:
    """Return the training of the quickstart's supernet."""
    return Step(
        title="train the supernet",
        argv=("train", "--space", SPACE, "--data", DATA, "--schedule", SCHEDULE,
              "--out", f"{study.supernet}"),
        makes=study.folder / "training.txt",
        resumes=study.supernet,
        keeps_stdout=True,
    )  # fmt: skip


def accuracy_steps(study: Study, precision: str, networks: int) -> list[Step]:
    """Return the steps that fit an accuracy predictor of one precision, on validation images."""
    measured = study.folder / f"accuracies-{precision}.parquet"
    return [
        Step(
            title=f"accuracies of sub-networks in {precision}",
            argv=("evaluate-subnets", "--checkpoint", f"{study.supernet}", "--networks",
                  f"{networks}", "--precision", precision, "--backend", BACKEND,
                  "--out", f"{measured}"),
            makes=measured,
        ),
        Step(
            title=f"accuracy predictor of {precision}",
            argv=("accuracy", "--table", f"{measured}", "--out", study.accuracy(precision)),
            makes=Path(study.accuracy(precision)),
        ),
    ]  # fmt: skip


def searched(study: Study) -> list[dict[str, Any]]:
    """Return for each limit both networks as lines, and their measured int8 latencies in ms.

    Of each pair the first was searched in float32, the second in int8.
    """
    path = study.folder / "pairs.json"
    if path.exists():
        stored: list[dict[str, Any]] = json.loads(path.read_text())
        return stored
    space = SearchSpace.load(SPACE)
    known, known_int8 = study.predictor("fp32"), study.predictor("int8")
    least, most = (known.predict(space.blocks(a)).ms for a in (space.smallest(), space.largest()))
    limits_ms = least + np.linspace(*SHARES, study.limits) * (most - least)
    first = [
        space.to_line(search(None, study.accuracy("fp32"), [latency_limit(known, ms)]).arch)
        for ms in limits_ms.tolist()
    ]
    int8_ms = [known_int8.predict(space.blocks(space.from_line(line))).ms for line in first]
    smallest_ms = known_int8.predict(space.blocks(space.smallest())).ms
    tried = [[searched_int8(study, known_int8, ms)] for ms in int8_ms]
    for _ in range(TRIES):
        times_ms = measured(study, [*first, *(line for each in tried for line, _ in each)])
        for place, line in enumerate(first):
            ratio = times_ms[tried[place][-1][0]] / times_ms[line]
            if not LEAST <= ratio <= EQUAL:
                int8_ms[place] = max(int8_ms[place] / ratio, smallest_ms)
                tried[place].append(searched_int8(study, known_int8, int8_ms[place]))
    times_ms = measured(study, [*first, *(line for each in tried for line, _ in each)])
    second = [best_of(each, times_ms, line) for each, line in zip(tried, first, strict=True)]
    pairs = [
        {"limit_ms": limit_ms, "networks": [a, b], "ms": [times_ms[a], times_ms[b]]}
        for limit_ms, a, b in zip(limits_ms.tolist(), first, second, strict=True)
    ]
    write_text(path, json.dumps(pairs, indent=1) + "\n")
    return pairs


def best_of(tried: Sequence[tuple[str, float]], times_ms: Mapping[str, float], first: str) -> str:
    """Return the network of highest predicted accuracy that is not slower than `first`.

    Where all are slower, the fastest.
    """
    equal = [each for each in tried if times_ms[each[0]] <= EQUAL * times_ms[first]]
    if not equal:
        return min((line for line, _ in tried), key=lambda line: times_ms[line])
    return max(equal, key=lambda each: each[1])[0]


def searched_int8(study: Study, predictor: LatencyPredictor, limit_ms: float) -> tuple[str, float]:
    """Return the network that the search in int8 finds within a latency, and its accuracy."""
    limit = latency_limit(predictor, limit_ms * (1 + 1e-9))
    result = search(None, study.accuracy("int8"), [limit])
    return result.space.to_line(result.arch), result.accuracy


def measured(study: Study, lines: Sequence[str]) -> dict[str, float]:
    """Return the latency of each network in int8, in ms: the median over the same rounds."""
    space, device = SearchSpace.load(SPACE), get_device("cpu")
    int8 = variant_of("int8")
    models = {line: (int8, space.blocks(space.from_line(line))) for line in lines}
    with measuring_alone(device):
        if not study.force:
            device.check_quiet()
        each_ms = measured_ms(device, BACKEND, models, study.rounds, 0)
    return {line: float(np.median(values)) for line, values in each_ms.items()}


def judged(study: Study, line: str) -> NDArray[np.float64]:
    """Return 1 for each test image that the network's int8 file classifies correctly, else 0."""
    folder = study.folder / "right"
    folder.mkdir(exist_ok=True)
    path = folder / f"{content_digest(line.encode())[:16]}.npz"
    if not path.exists():
        print(f"test images: {line}", flush=True)
        test, arch = part_of("test"), SearchSpace.load(SPACE).from_line(line)
        training = get_dataset(DATA).train_source.calibration(CALIBRATION_IMAGES, arch.resolution)
        network = extract_calibrated(load_trained(study.supernet).supernet(), arch, training)
        with torch.no_grad():
            classes = Quantiser(backend=get_backend(BACKEND)).classes(
                network,
                SearchSpace.load(SPACE).blocks(arch),
                training,
                resize(test.images, arch.resolution),
            )
        write_right(path, (classes == test.labels.numpy())[None])
    right: NDArray[np.float64] = read_right(path)[0]
    return right


def report(pairs: Sequence[Mapping[str, Any]], right: Mapping[str, NDArray[np.float64]]) -> str:
    """Return both networks of each limit, and the pooled difference, as Markdown."""
    rows, gaps, ratios = [], [], []
    for pair in pairs:
        first, second = (right[line] for line in pair["networks"])
        gaps.append(second - first)
        ratios.append(pair["ms"][1] / pair["ms"][0])
        rows.append([
            f"{pair['limit_ms']:.4f}", *(f"{ms:.4f}" for ms in pair["ms"]), f"{ratios[-1]:.3f}",
            f"{100 * first.mean():.2f}", f"{100 * second.mean():.2f}",
            f"{100 * gaps[-1].mean():+.2f}",
        ])  # fmt: skip
    groups = part_of("test").groups.numpy()
    pooled = score(np.mean(gaps, axis=0), groups)
    half = float(stats.t.ppf(0.975, pooled.groups - 1)) * pooled.error
    by_limit = difference([float(gap.mean()) for gap in gaps])
    head = ["fp32 limit, ms", "int8 ms, fp32 search", "int8 ms, int8 search", "ratio",
            "test %, fp32 search", "test %, int8 search", "difference"]  # fmt: skip
    ratio = np.array(ratios)
    return "\n".join([
        f"{where_and_when()}; {SPACE}, {DATA}, {BACKEND}, {pooled.images} test images",
        "",
        table(head, rows),
        "",
        f"difference pooled over limits, points: {100 * pooled.accuracy:+.2f}, 95 % interval "
        f"{100 * (pooled.accuracy - half):+.2f} to {100 * (pooled.accuracy + half):+.2f} "
        f"(over {pooled.groups} groups of test images); over limits {by_limit}",
        f"measured int8 latency, int8 search over fp32 search: {np.exp(np.log(ratio).mean()):.3f} "
        f"({ratio.min():.3f} to {ratio.max():.3f})",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
