"""Progressive shrinking, and the sandwich rule, against plain random sampling for the same time.

python -m experiments.training.shrinking --out runs/experiments [--sandwich]

The same supernet, data and device-seconds. Eight networks, every combination of the least and the
most of depth, width and kernel, as in the paper's ablation, are cut out and judged on test images.
Random sampling is given at least as long as shrinking, the sandwich rule at most, in whole epochs.
"""

import argparse
import itertools
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.files import write_text
from experiments.training.arms import DATA, SPACE, Arm, Study, scaled, seconds_a_step, total_s
from experiments.training.figures import difference, images_error, table, where_and_when
from experiments.training.judge import judge, part_of
from supernet.data.open_data import get_dataset
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.schedule import Schedule

RANDOM = """
name = "random"
momentum = 0.9
weight_decay = 3e-5

[[phases]]
name = "random"
epochs = EPOCHS
warmup_epochs = 0.3
lr = 0.15
batch = 128
subnets = 2
"""


def corners(space: SearchSpace) -> dict[str, ArchConfig]:
    """Networks of the least and the most depth, width and kernel, at the largest resolution."""
    layout, most = space.layout, space.encode([space.largest()])[0]
    kernels, expands = layout.groups
    groups = {"D": slice(1, layout.kernel_start), "W": expands, "K": kernels}
    result = {}
    for ends in itertools.product((0, -1), repeat=3):
        row, name = most.copy(), ""
        for (letter, group), end in zip(groups.items(), ends, strict=True):
            values = [column.values[end] for column in layout.columns[group]]
            row[group] = values
            name += f"{letter}{max(values)}"
        result[name] = space.decode(layout.canonical(row[None]))[0]
    return result


def shrinking_arm(study: Study, seed: int) -> Arm:
    """Supernet by progressive shrinking: the schedule of the demo."""
    text = scaled(Schedule.load("digits").text, study.epochs)
    return Arm(name="shrinking", schedule=text, seed=seed)


def random_arm(study: Study, seed: int) -> Arm:
    """Supernet by random sampling from its first step on, for as long or a little longer."""
    epochs = epochs_as_long(study, "random", RANDOM, math.ceil)
    return Arm(name="random", schedule=RANDOM.replace("EPOCHS", str(epochs)), seed=seed)


def sandwich_arm(study: Study, seed: int) -> Arm:
    """Supernet by the sandwich rule, for as long or a little shorter."""
    text = Schedule.load("digits-sandwich").text
    epochs = epochs_as_long(study, "sandwich", text, math.floor)
    return Arm(name="sandwich", schedule=with_epochs(text, epochs), seed=seed)


def epochs_as_long(
    study: Study, name: str, text: str, whole: Callable[[float], int], sampling: Any = None
) -> int:
    """Epochs of a schedule of one phase that take as long as progressive shrinking.

    Told by a few steps of both, and kept in the study's folder.
    """
    kept = study.folder / f"{name}-epochs.txt"
    if not kept.exists():
        images = len(get_dataset(DATA).train)
        shrinking = shrinking_arm(study, 0).schedule
        wanted_s = total_s(Schedule.from_toml(shrinking).phases, seconds_a_step(shrinking), images)
        text = with_epochs(text, 2)
        (phase,) = Schedule.from_toml(text).phases
        step_s = seconds_a_step(text, sampling=sampling)[phase.name]
        write_text(kept, str(max(1, whole(wanted_s / (images // phase.batch * step_s)))))
    return int(kept.read_text())


def with_epochs(text: str, epochs: int) -> str:
    """Schedule of one phase with another number of epochs."""
    lines = text.replace("EPOCHS", "1").splitlines()
    new = [f"epochs = {epochs}" if line.startswith("epochs") else line for line in lines]
    return "\n".join(new) + "\n"


ARMS = {"random": random_arm, "shrinking": shrinking_arm}


def run(study: Study, arms_of: Mapping[str, Callable[[Study, int], Arm]]) -> str:
    """Train, evaluate, and return the figures as text; the first arm is the reference."""
    study.folder.mkdir(parents=True, exist_ok=True)
    space = SearchSpace.load(SPACE)
    networks, archs = corners(space), study.folder / "corners.jsonl"
    write_text(archs, "".join(space.to_line(arch) + "\n" for arch in networks.values()))
    by_seed = [[make(study, seed) for make in arms_of.values()] for seed in study.seeds]
    arms = [arm for of_seed in by_seed for arm in of_seed]
    study.each([partial(arm.train, study) for arm in arms])
    study.each([partial(judge, study, arm.checkpoint(study), archs, "test") for arm in arms])
    right = np.array(
        [[judge(study, arm.checkpoint(study), archs, "test") for arm in of] for of in by_seed]
    )  # (seeds, arms, networks, images)
    groups, rows = part_of("test").groups.numpy(), []
    for number, name in enumerate([*networks, "all eight"]):
        of_it = right if number == len(networks) else right[:, :, number : number + 1]
        row = [name, *(f"{100 * mean:.2f}" for mean in of_it.mean(axis=(0, 2, 3)))]
        for other in range(1, len(arms_of)):
            gap = of_it[:, other] - of_it[:, 0]
            error = images_error(gap.mean(axis=(0, 1)), groups)
            row.append(f"{difference(gap.mean(axis=(1, 2)).tolist())} ({100 * error:.2f})")
        rows.append(row)
    seconds = np.array([[arm.device_s(study) for arm in of] for of in by_seed]).mean(axis=0)
    first, *others = arms_of
    rows.append(["device-seconds", *(f"{second:.0f}" for second in seconds), *("" for _ in others)])
    head = ["network", *(f"{name}, %" for name in arms_of)]
    return "\n".join(
        [
            f"{where_and_when()}; {len(study.seeds)} seeds, {DATA}, {SPACE}, "
            f"{right.shape[3]} test images; differences with their 95 % intervals over seeds (in "
            "brackets their standard error from the images)",
            "",
            table([*head, *(f"{other} - {first}" for other in others)], rows),
        ]
    )


def parser_of(description: str) -> argparse.ArgumentParser:
    """Options that all experiments have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the experiments")
    parser.add_argument("--seeds", type=int, default=3, help="paired seeds (3)")
    parser.add_argument("--first-seed", type=int, default=0, help="seeds count from here (0)")
    parser.add_argument(
        "--epochs", type=float, default=0.8, help="factor on every schedule (0.8: under 20 minutes)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda:0 with --jobs 1 (cpu)")
    return parser


def study_of(args: argparse.Namespace) -> Study:
    """Study that these options describe."""
    return Study(
        folder=args.out,
        seeds=tuple(range(args.first_seed, args.first_seed + args.seeds)),
        epochs=args.epochs,
        jobs=args.jobs,
        device=args.device,
    )


def main() -> None:
    """Run the experiment and write its figures into its folder."""
    parser = parser_of(str(__doc__))
    parser.add_argument("--sandwich", action="store_true", help="a third arm")
    args = parser.parse_args()
    study = study_of(args)
    text = run(study, {**ARMS, "sandwich": sandwich_arm} if args.sandwich else ARMS)
    write_text(study.folder / "shrinking.md", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
