"""Sub-networks straight from the supernet against the same networks trained alone.

python -m experiments.training.against_alone --out runs/experiments [--tuned]

Eight networks over the latency range of this CPU (measured by a sweep, onnxruntime, one thread).
Trained alone, a network gets as many epochs over the same images as the supernet, with the same
clipping, at its resolution; at the supernet's peak rate, or with `--tuned` at the rate of five with
which it does best on validation images. Supernets are those of `shrinking` by the sandwich rule.
"""

from functools import partial
from pathlib import Path

import numpy as np

from bench.files import write_text
from experiments.training.alone import read_usage
from experiments.training.arms import DATA, SPACE, Study, run_child
from experiments.training.figures import difference, images_error, table, where_and_when
from experiments.training.judge import judge, part_of, read_right
from experiments.training.shrinking import parser_of, sandwich_arm, study_of
from experiments.training.tuned_rate import schedule_of, tuned_rates
from latency_models.predictors.predictor import LatencyPredictor
from ofabench.cli.messages import messages_on_stderr
from ofabench.workflows.pipeline import run_tasks
from ofabench.workflows.quickstart.tasks import QuickstartTasks
from supernet.constraints.constraints import latency
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.schedule import Schedule

NETWORKS = 8
RATE = 0.15  # peak of the supernets' schedule


def predictor_of_this_cpu(study: Study) -> LatencyPredictor:
    """Sweep this CPU and fit on it, once for a study."""
    folder = study.folder / "latency"
    folder.mkdir(parents=True, exist_ok=True)
    with messages_on_stderr():
        run_tasks(QuickstartTasks(folder=folder, force=True).measuring())
    return LatencyPredictor.load(folder / "latency.parquet")


def spread_over_latency(
    space: SearchSpace, predictor: LatencyPredictor, n: int
) -> list[tuple[float, ArchConfig]]:
    """Return `n` networks evenly spaced from the fastest to the slowest; random ones in between."""
    rng = np.random.default_rng(0)
    ends = space.encode([space.smallest(), space.largest()])
    codes = np.concatenate([ends, space.sample_codes(rng, 4000)])
    ms = latency(space, predictor, 1.0).costs(codes)
    wanted = np.linspace(ms[0], ms[1], n)
    rows = [0, *(int(np.abs(ms - wanted_ms).argmin()) for wanted_ms in wanted[1:-1]), 1]
    return list(zip(ms[rows].tolist(), space.decode(codes[rows]), strict=True))


def epochs_alone(study: Study) -> int:
    """Epochs of all phases of the supernet together."""
    return sum(p.epochs for p in Schedule.from_toml(sandwich_arm(study, 0).schedule).phases)


def result_of(study: Study, number: int, seed: int) -> Path:
    return study.folder / f"alone-{number}-{seed}.npz"


def train_one(study: Study, line: str, schedule: Path, number: int, seed: int) -> None:
    """Train network `number` alone with a seed, unless that was done."""
    out = result_of(study, number, seed)
    if not out.exists():
        words = (line, str(schedule), str(seed), "test", str(out))
        run_child("experiments.training.alone", words)


def run(study: Study, tuned: bool) -> str:
    """Train, evaluate, and return the figures as text."""
    study.folder.mkdir(parents=True, exist_ok=True)
    space, predictor = SearchSpace.load(SPACE), predictor_of_this_cpu(study)
    chosen = spread_over_latency(space, predictor, NETWORKS)
    archs, epochs = study.folder / "spread.jsonl", epochs_alone(study)
    lines = [space.to_line(arch) for _, arch in chosen]
    write_text(archs, "\n".join(lines) + "\n")
    rates = tuned_rates(study, lines, epochs) if tuned else [RATE] * NETWORKS
    schedules = [schedule_of(study, epochs, rate) for rate in rates]
    supernets = [sandwich_arm(study, seed) for seed in study.seeds]
    study.each([partial(arm.train, study) for arm in supernets])
    study.each([partial(judge, study, a.checkpoint(study), archs, "test") for a in supernets])
    tasks = [(line, schedules[n], n, seed) for seed in study.seeds for n, line in enumerate(lines)]
    study.each([partial(train_one, study, *task) for task in tasks])
    cut = np.array([judge(study, a.checkpoint(study), archs, "test") for a in supernets])
    alone = np.array(
        [[read_right(result_of(study, n, s))[0] for n in range(NETWORKS)] for s in study.seeds]
    )  # (seeds, networks, images)
    groups, rows = part_of("test").groups.numpy(), []
    for number in range(NETWORKS):
        pair = [each[:, number] for each in (cut, alone)]
        gap = pair[0] - pair[1]
        rows.append(
            [
                f"{chosen[number][0]:.4f}",
                f"{rates[number]:g}",
                *(f"{100 * accuracies.mean():.2f}" for accuracies in pair),
                difference(gap.mean(axis=1)),
                f"{100 * images_error(gap.mean(axis=0), groups):.2f}",
            ]
        )
    gap = (cut - alone).mean(axis=1)
    means = [f"{100 * each.mean():.2f}" for each in (cut, alone)]
    every = [difference(gap.mean(axis=1)), f"{100 * images_error(gap.mean(axis=0), groups):.2f}"]
    rows.append(["all", "", *means, *every])
    one_s = np.mean([read_usage(result_of(study, n, s)).device_s for _, _, n, s in tasks])
    supernet_s = np.mean([arm.device_s(study) for arm in supernets])
    head = [
        "predicted, ms",
        "rate alone",
        "from the supernet, %",
        "alone, %",
        "difference (95 % over seeds)",
    ]
    return "\n".join(
        [
            f"{where_and_when()}; {len(study.seeds)} seeds, {DATA}, {SPACE}, "
            f"{cut.shape[2]} test images; device-seconds: the supernet {supernet_s:.0f}, "
            f"one network alone {one_s:.0f} ({epochs} epochs)",
            "",
            table([*head, "its error from the images"], rows),
        ]
    )


def main() -> None:
    """Run the experiment and write its figures into its folder."""
    parser = parser_of(str(__doc__))
    parser.add_argument("--tuned", action="store_true", help="each network's own best rate")
    args = parser.parse_args()
    study = study_of(args)
    text = run(study, args.tuned)
    write_text(study.folder / "against_alone.md", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
