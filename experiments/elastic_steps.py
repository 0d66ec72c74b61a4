"""How soon does elastic training reach its steady speed, and what takes the time before?

    python -m experiments.elastic_steps --device cuda:0 [--precision bfloat16] [--batch 64]
                                        [--steps 150] [--space ofa-mbv3-w1.0] [--profile]

Each step trains other random sub-networks at another resolution, as `ofabench train` does, so a GPU
meets new shapes for a long time. Printed are seconds from the start and the time of chosen steps,
and the 100th step over the steady step (the median of the last 30), in two processes one after the
other: 1x1 convolutions as matrix products, as `supernet.weights.pointwise` runs them on GPUs, and
as convolutions. With --profile, the calls that took most of the host's time in the first 10 steps
and in 10 steady ones follow. Nothing else may run meanwhile.
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from supernet.data.batch_stream import Batch
from supernet.sampling.draws import UniformDraws
from supernet.space.space import ArchConfig, SearchSpace
from supernet.train.checkpoint import Recipe
from supernet.train.engine import PRECISIONS, Engine
from supernet.train.recalibrate import channels_last
from supernet.train.run_options import RunOptions
from supernet.train.schedule import Phase, Schedule
from supernet.weights import pointwise
from supernet.weights.model import SuperNet

STEADY_STEPS = 30
PROFILED_STEPS = 10
SHOWN_STEPS = (1, 2, 5, 10, 20, 50, 100)
FORMS = ("product", "convolution")
PROFILE_ROWS = 12
StepStream = Iterator[tuple[list[ArchConfig], Batch]]
SCHEDULE = """
name = "steps"
momentum = 0.9
weight_decay = 3e-5

[[phases]]
name = "everything"
epochs = 1
lr = 0.001
batch = {batch}
subnets = {subnets}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Times of successive steps, `step_ms`, and the host's calls of two stretches of them."""

    form: str
    step_ms: list[float]
    first_calls: str = ""
    steady_calls: str = ""

    @property
    def steady_ms(self) -> float:
        return float(np.median(self.step_ms[-STEADY_STEPS:]))

    def lines(self) -> Iterator[str]:
        yield f"1x1 convolutions as {self.form}s; steady step {self.steady_ms:.1f} ms"
        until_s = np.cumsum(self.step_ms) / 1000
        for number in (*SHOWN_STEPS, len(self.step_ms)):
            if number <= len(self.step_ms):
                ratio = self.step_ms[number - 1] / self.steady_ms
                yield (
                    f"  step {number:4d}: {self.step_ms[number - 1]:8.1f} ms, {ratio:6.2f} times "
                    f"the steady step, {until_s[number - 1]:6.1f} s since the start"
                )
        for title, calls in (("first", self.first_calls), ("steady", self.steady_calls)):
            if calls:
                yield f"  calls of {PROFILED_STEPS} {title} steps\n{calls}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """Trains the steps of one phase and times them."""

    engine: Engine
    phase: Phase

    def step_ms(self, archs: list[ArchConfig], batch: Batch) -> float:
        started = time.perf_counter()
        self.engine.step(self.phase, self.phase.lr, archs, [batch], None)
        return 1000 * (time.perf_counter() - started)

    def profiled(self, steps: StepStream, timed: list[float]) -> str:
        """Train some steps under torch's profiler; return the calls that took the host longest."""
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            for archs, batch in itertools.islice(steps, PROFILED_STEPS):
                timed.append(self.step_ms(archs, batch))
        averages = profiler.key_averages()
        return str(averages.table(sort_by="self_cpu_time_total", row_limit=PROFILE_ROWS))


def main() -> int:
    args = parse()
    if args.form is not None:
        print(json.dumps(asdict(measure(args))))
        return 0
    print(heading(args), flush=True)
    for form in FORMS:
        command = [sys.executable, "-m", "experiments.elastic_steps", *sys.argv[1:], "--form", form]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        print("\n".join(Steps(**json.loads(output)).lines()), flush=True)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="ofa-mbv3-w1.0")
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--precision", default="float32", choices=list(PRECISIONS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--subnets", type=int, default=2, help="sub-networks of a step (2)")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--form", choices=FORMS, help=argparse.SUPPRESS)
    return parser.parse_args()


def heading(args: argparse.Namespace) -> str:
    on_gpu = args.device.type == "cuda"
    name = torch.cuda.get_device_name(args.device) if on_gpu else "the processor"
    return (
        f"{args.space} on {name}, torch {torch.__version__}, {args.precision}, batch {args.batch}, "
        f"{args.subnets} sub-networks a step"
    )


def measure(args: argparse.Namespace) -> Steps:
    """Train in this process; each step is timed from its begin until its loss is on the host."""
    torch.set_num_threads(args.threads)
    if args.form == "convolution":
        pointwise.is_product_for = lambda x: False
    space = SearchSpace.load(args.space)
    schedule = Schedule.from_toml(SCHEDULE.format(batch=args.batch, subnets=args.subnets))
    recipe = Recipe(space=space, schedule=schedule, data="random", precision=args.precision)
    options = RunOptions(device=str(args.device))
    engine = Engine(channels_last(SuperNet(space)).to(args.device).train(), recipe, options)
    trainer = Trainer(engine=engine, phase=schedule.phases[0])
    steps = itertools.islice(drawn_steps(space, args.batch, args.subnets), args.steps)
    timed: list[float] = []
    first = trainer.profiled(steps, timed) if args.profile else ""
    middle = args.steps - (STEADY_STEPS + PROFILED_STEPS if args.profile else 0)
    for archs, batch in itertools.islice(steps, max(0, middle - len(timed))):
        timed.append(trainer.step_ms(archs, batch))
    steady = trainer.profiled(steps, timed) if args.profile else ""
    for archs, batch in steps:
        timed.append(trainer.step_ms(archs, batch))
    return Steps(form=args.form, step_ms=timed, first_calls=first, steady_calls=steady)


def drawn_steps(space: SearchSpace, batch: int, subnets: int) -> StepStream:
    """Sub-networks and random images of each step."""
    rng = np.random.default_rng(0)
    draws = UniformDraws(layout=space.layout)
    while True:
        archs = space.decode(draws.plan(rng, 1, subnets)[0])
        size = archs[0].resolution
        images = rng.standard_normal((batch, space.in_channels, size, size), dtype=np.float32)
        labels = torch.from_numpy(rng.integers(0, space.classes, batch))
        yield (
            archs,
            Batch(images=torch.from_numpy(images), labels=labels, index=torch.arange(batch)),
        )


if __name__ == "__main__":
    sys.exit(main())
