"""Progressive shrinking against plain random sampling of the same supernet, for the same time.

python -m tests.experiments.shrinking --out runs/experiments

Eight networks, every combination of the least and the most of depth, width and kernel, as in the
paper's ablation, cut out and judged on test images. Random sampling is given at least as many
device-seconds, in whole epochs.
"""

import argparse
import itertools
import math
from functools import partial
from pathlib import Path

import numpy as np

from bench.files import write_text
from supernet.space import ArchConfig, SearchSpace
from supernet.train.dataset import get_dataset
from supernet.train.schedule import Schedule
from tests.experiments.arms import DATA, SPACE, Arm, Study, scaled, seconds_a_step, total_s
from tests.experiments.figures import difference, images_error, table, where_and_when
from tests.experiments.judge import judge, part_of

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
    found = {}
    for ends in itertools.product((0, -1), repeat=3):
        row, name = most.copy(), ""
        for (letter, group), end in zip(groups.items(), ends, strict=True):
            values = [column.values[end] for column in layout.columns[group]]
            row[group] = values
            name += f"{letter}{max(values)}"
        found[name] = space.decode(layout.canonical(row[None]))[0]
    return found


def shrinking_arm(study: Study, seed: int) -> Arm:
    """Supernet by progressive shrinking: the schedule of the demo."""
    text = scaled(Schedule.load("digits").text, study.epochs)
    return Arm(name="shrinking", schedule=text, seed=seed)


def random_arm(study: Study, seed: int, epochs: int) -> Arm:
    """Supernet by random sampling from its first step on."""
    return Arm(name="random", schedule=RANDOM.replace("EPOCHS", str(epochs)), seed=seed)


def epochs_for_random(study: Study) -> int:
    """Epochs of random sampling that take at least as long, by a few steps of either."""
    kept = study.folder / "random-epochs.txt"
    if not kept.exists():
        images = len(get_dataset(DATA).train)
        shrinking = shrinking_arm(study, 0).schedule
        plain = RANDOM.replace("EPOCHS", "2")
        wanted = total_s(Schedule.from_toml(shrinking).phases, seconds_a_step(shrinking), images)
        phase = Schedule.from_toml(plain).phases[0]
        epoch_s = images // phase.batch * seconds_a_step(plain)["random"]
        write_text(kept, str(math.ceil(wanted / epoch_s)))
    return int(kept.read_text())


def run(study: Study) -> str:
    """Train, judge, and return the figures as text."""
    study.folder.mkdir(parents=True, exist_ok=True)
    space, epochs = SearchSpace.load(SPACE), epochs_for_random(study)
    networks, archs = corners(space), study.folder / "corners.jsonl"
    write_text(archs, "".join(space.to_line(arch) + "\n" for arch in networks.values()))
    pairs = [(shrinking_arm(study, s), random_arm(study, s, epochs)) for s in study.seeds]
    arms = [arm for pair in pairs for arm in pair]
    study.each([partial(arm.train, study) for arm in arms])
    study.each([partial(judge, study, arm.checkpoint(study), archs, "test") for arm in arms])
    right = np.array(
        [[judge(study, arm.checkpoint(study), archs, "test") for arm in pair] for pair in pairs]
    )  # (seeds, arms, networks, images)
    groups = part_of("test").groups.numpy()
    rows = []
    for number, name in enumerate([*networks, "all eight"]):
        of_it = right if number == len(networks) else right[:, :, number : number + 1]
        by_seed = (of_it[:, 0] - of_it[:, 1]).mean(axis=(1, 2))
        by_image = (of_it[:, 0] - of_it[:, 1]).mean(axis=(0, 1))
        means = of_it.mean(axis=(0, 2, 3))
        error = images_error(by_image, groups)
        row = [name, *(f"{100 * mean:.2f}" for mean in means), difference(by_seed)]
        rows.append([*row, f"{100 * error:.2f}"])
    seconds = np.array([[arm.device_s(study) for arm in pair] for pair in pairs])
    shrinking_s, random_s = seconds.mean(axis=0)
    head = ["network", "shrinking, %", "random, %", "difference (95 % over seeds)"]
    return "\n".join(
        [
            f"{where_and_when()}; {len(study.seeds)} seeds, {DATA}, {SPACE}, "
            f"{right.shape[3]} test images; device-seconds: shrinking {shrinking_s:.0f}, random "
            f"{random_s:.0f} ({epochs} epochs of 2 sub-networks a step)",
            "",
            table([*head, "its error from the images"], rows),
        ]
    )


def parser_of(description: str) -> argparse.ArgumentParser:
    """Options that all experiments have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the experiments")
    parser.add_argument("--seeds", type=int, default=3, help="paired seeds (3)")
    parser.add_argument("--epochs", type=float, default=1.0, help="factor on every schedule (1)")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda:0 with --jobs 1 (cpu)")
    return parser


def study_of(args: argparse.Namespace) -> Study:
    """Study that these options describe."""
    return Study(
        folder=args.out,
        seeds=tuple(range(args.seeds)),
        epochs=args.epochs,
        jobs=args.jobs,
        device=args.device,
    )


def main() -> None:
    """Run the experiment and write its figures beside it."""
    study = study_of(parser_of(str(__doc__)).parse_args())
    text = run(study)
    write_text(study.folder / "shrinking.md", text + "\n")
    print(text)


if __name__ == "__main__":
    main()
