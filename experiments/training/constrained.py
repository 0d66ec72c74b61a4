"""Training under a latency limit against training for all latencies, for the same time.

python -m experiments.training.constrained --out runs/experiments [--focus best-up]

Who needs networks of at most half the latency range of this CPU (a sweep, onnxruntime, one thread)
can train the supernet for those alone. Judged by hypervolume over five limits up to there: under
each the network that is best on validation images, of the same 60 for every arm, is judged on test
images. Unrestricted supernets are those of `shrinking` by the sandwich rule; the others get as many
epochs as their cheaper steps allow in that time, rounded down.
"""

import itertools
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.files import write_text
from experiments.steps import Step, run_steps
from experiments.training.against_alone import predictor_of_this_cpu
from experiments.training.arms import CHANCE, DATA, SPACE, Arm, Study
from experiments.training.figures import difference, hypervolume, table, where_and_when
from experiments.training.judge import judge
from experiments.training.shrinking import (
    epochs_as_long,
    parser_of,
    sandwich_arm,
    study_of,
    with_epochs,
)
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.networks import NetworksTable
from supernet.constraints.constraints import Constraint, latency
from supernet.sampling.focus import HOW
from supernet.sampling.limited import LimitedDraws
from supernet.space.space import SearchSpace
from supernet.train.sampling import Sampling

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)  # of the latency range, where the five limits are
BETWEEN = 12  # candidates between two limits


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of this CPU, and the networks that compete under them with their latencies."""

    ms: tuple[float, ...]
    archs: Path
    candidates_ms: NDArray[np.float64]


def limits_of(study: Study, space: SearchSpace, predictor: LatencyPredictor) -> Limits:
    """Five limits over the lower half of the range, and random networks between them, measured."""
    cost = latency(space, predictor, 1.0).costs
    least, most = cost(space.encode([space.smallest(), space.largest()])).tolist()
    edges = [least, *(least + share * (most - least) for share in SHARES)]
    rng, codes = np.random.default_rng(0), []
    for low, high in itertools.pairwise(edges):
        limit = Constraint(name="between", costs=cost, limit=high, unit="ms")
        draws = LimitedDraws.of(space.layout, [limit], space=space.name)
        drawn = draws.plan(rng, 4000, 1)[:, 0]
        codes.append(drawn[cost(drawn) > low][:BETWEEN])
    chosen, archs = np.concatenate(codes), study.folder / "candidates.jsonl"
    write_text(archs, "".join(space.to_line(arch) + "\n" for arch in space.decode(chosen)))
    result = measured_ms(study, space, archs)
    ms = np.array([result[space.to_line(arch)] for arch in space.decode(chosen)])
    return Limits(ms=tuple(edges[1:]), archs=archs, candidates_ms=ms)


def measured_ms(study: Study, space: SearchSpace, archs: Path) -> dict[str, float]:
    """Return the latency of each line of an archs file, measured by a sweep on this CPU."""
    folder = study.folder / "latency"
    store, blocks, networks = (
        folder / f"candidates{suffix}" for suffix in (".sqlite", "-blocks.parquet", ".parquet")
    )
    sweep = Step(
        title="measure the candidates on this CPU",
        argv=("sweep", "--space", SPACE, "--device", "cpu", "--backend", "onnx", "--blocks", "1",
              "--archs", str(archs), "--force", "--out", str(store)),
        makes=networks,
        resumes=store,
    )  # fmt: skip
    build = Step(
        title="make their table",
        argv=("table", "build", str(store), "--out", str(blocks), "--networks-out", str(networks)),
        makes=networks,
    )
    run_steps([sweep, build], print)
    table = NetworksTable.load(networks)
    ms = table.latencies_ms(table.column_or_only(None))
    lines = [space.to_line(arch) for arch in space.from_frame(table.frame)]
    return dict(zip(lines, ms.tolist(), strict=True))


def restricted_arm(study: Study, seed: int, limit_ms: float, focus: str) -> Arm:
    """Supernet by the sandwich rule within the limit, for as long as without or a little less."""
    name, predictor = focus or "within", study.folder / "latency" / "latency.parquet"
    space = SearchSpace.load(SPACE)
    limit = latency(space, LatencyPredictor.load(predictor), limit_ms)
    sampling = Sampling(limits=(limit,), focus=focus, costs=limit.costs)
    text = sandwich_arm(study, seed).schedule
    epochs = epochs_as_long(study, name, text, math.floor, sampling)
    within = ("--latency", str(predictor), "--max-latency-ms", f"{limit_ms:.6f}")
    attentive = ("--latency-focus", focus) if focus else ()
    return Arm(name=name, schedule=with_epochs(text, epochs), seed=seed, options=within + attentive)


def best_by_limit(limits: Limits, accuracy: NDArray[np.float64]) -> list[int]:
    """Under each limit, the place of the candidate that is best on validation images."""
    result = []
    for limit_ms in limits.ms:
        within = np.where(limits.candidates_ms <= limit_ms, accuracy, -1.0)
        result.append(int(within.argmax()))
    return result


def judged(study: Study, arm: Arm, limits: Limits) -> list[float]:
    """Accuracy on test images of the network chosen under each limit."""
    checkpoint = arm.checkpoint(study)
    validation = judge(study, checkpoint, limits.archs, "validation").mean(axis=1)
    chosen = best_by_limit(limits, validation)
    lines = limits.archs.read_text().splitlines()
    winners = study.folder / f"{arm.name}-{arm.seed}-winners.jsonl"
    write_text(winners, "".join(lines[place] + "\n" for place in chosen))
    accuracy: list[float] = judge(study, checkpoint, winners, "test").mean(axis=1).tolist()
    return accuracy


def run(study: Study, focus: tuple[str, ...] = ()) -> str:
    """Train, evaluate, and return the figures as text."""
    study.folder.mkdir(parents=True, exist_ok=True)
    space, predictor = SearchSpace.load(SPACE), predictor_of_this_cpu(study)
    limits = limits_of(study, space, predictor)
    named = {"unrestricted": partial(sandwich_arm, study)}
    for how in ("", *focus):
        named[how or "within the limit"] = partial(
            restricted_arm, study, limit_ms=limits.ms[-1], focus=how
        )
    arms = {name: [make(seed=seed) for seed in study.seeds] for name, make in named.items()}
    every = [arm for of_name in zip(*arms.values(), strict=True) for arm in of_name]
    study.each([partial(arm.train, study) for arm in every])
    study.each([partial(judged, study, arm, limits) for arm in every])
    result = {name: [judged(study, arm, limits) for arm in of] for name, of in arms.items()}
    volumes = {
        name: np.array([hypervolume(limits.ms, accuracies, CHANCE) for accuracies in by_seed])
        for name, by_seed in result.items()
    }
    rows = []
    for name, by_seed in result.items():
        gap = volumes[name] - volumes["unrestricted"]
        seconds = np.mean([arm.device_s(study) for arm in arms[name]])
        difference_text = "-" if name == "unrestricted" else str(difference(gap.tolist()))
        means = [f"{100 * accuracy:.2f}" for accuracy in np.mean(by_seed, axis=0)]
        rows.append(
            [name, f"{seconds:.0f}", *means, f"{100 * volumes[name].mean():.2f}", difference_text]
        )
    head = ["trained", "device-seconds", *(f"{ms:.4f} ms" for ms in limits.ms)]
    return "\n".join(
        [
            f"{where_and_when()}; {len(study.seeds)} seeds, {DATA}, {SPACE}, "
            f"{len(limits.candidates_ms)} candidates; accuracy on test images under each limit, %",
            "",
            table([*head, "hypervolume, %", "difference (95 % over seeds)"], rows),
        ]
    )


def main() -> None:
    """Run the experiment and write its figures into its folder."""
    parser = parser_of(str(__doc__))
    parser.add_argument("--focus", action="append", default=[], choices=HOW, help="a further arm")
    args = parser.parse_args()
    study = study_of(args)
    text = run(study, tuple(args.focus))
    write_text(study.folder / "constrained.md", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
