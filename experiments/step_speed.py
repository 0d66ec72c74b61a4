"""How long does a training step take? Ours against plain modules, and against the package `ofa`.

    python -m experiments.step_speed [--space NAME ...] [--device cuda:0] [--precision bfloat16]
                                    [--channels-last] [--compile] [--batch 256] [--threads 2]

A step is forward, loss, backward and SGD. Each row is one sub-network of one space, run as part of
our supernet, as plain modules with separate weights (`SuperNet.extract`), and as part of the
network of `ofa` with the same weights. The sides take turns, in a new random order each round;
medians are printed, and the median of the rounds' ratios with its 95 % interval. Nothing else may
run meanwhile; under 3 minutes by default. With --compile the largest networks are compiled, ours as
`ofabench train --compile` has it; others run as they are. Where `ofa` cannot be installed, its
columns are empty.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from bench.devices.cpu.host_facts import cpu_model
from bench.devices.cpu.local import LocalDevice
from bench.errors import OfabenchError
from supernet.space.space import ArchConfig, SearchSpace
from supernet.weights.import_ofa import import_ofa
from supernet.weights.model import SuperNet
from tests.peer_ofa.install import NoPeerError, ensure_peer
from tests.peer_ofa.networks import NETWORKS, activate, build_peer, import_peer

Floats = NDArray[np.float64]
Network = Callable[[Tensor], Tensor]
DEFAULTS = {  # of each space: images in a batch, and their size in pixels
    "tiny": (64, 32),
    "ofa-mbv3-w1.0": (8, 128),
    "ofa-proxyless-w1.3": (8, 128),
    "ofa-resnet50d": (4, 128),
}
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
SIDES = ("ours", "plain", "ofa")
WARM_UP_STEPS = 2
LEAST_ROUNDS = 5
RESAMPLES = 2000
HEAD = (
    "| network | batch | px | sub-network | rounds | ours ms | plain ms | ofa ms "
    "| ours / plain | ours / ofa |\n|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    args = parse()
    try:
        if not args.force:
            LocalDevice().check_quiet()
        peer = find_peer()
        print(heading(args), flush=True)
        for name in args.space:
            for row in Comparison(args, name, peer).rows():
                print(row, flush=True)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", nargs="+", default=list(DEFAULTS), choices=list(DEFAULTS))
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--precision", default="float32", choices=list(PRECISIONS))
    parser.add_argument("--channels-last", action="store_true", help="memory order of all sides")
    parser.add_argument("--compile", action="store_true", help="compile the largest networks")
    parser.add_argument("--batch", type=int, help="images (default: by the space)")
    parser.add_argument("--resolution", type=int, help="px (default: by the space)")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row's rounds")
    parser.add_argument("--seed", type=int, default=0, help="of the random sub-networks")
    parser.add_argument("--force", action="store_true", help="although the machine is in use")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    return args


def find_peer() -> Any:
    """Module of `ofa` with its networks; None where it cannot be had."""
    try:
        return import_peer(ensure_peer())
    except NoPeerError as why:
        print(f"without ofa: {why}", file=sys.stderr)
        return None


def heading(args: argparse.Namespace) -> str:
    cuda = args.device.type == "cuda"
    where = torch.cuda.get_device_name(args.device) if cuda else cpu_model() or platform.machine()
    order = "channels last" if args.channels_last else "channels first"
    result = [where, f"torch {torch.__version__}", args.precision, order]
    result += [] if cuda else [f"{args.threads} thread(s)"]
    result += ["largest compiled"] if args.compile else []
    return f"{', '.join(result)}, {datetime.now(UTC):%Y-%m-%d}\n\n{HEAD}"


@dataclass(frozen=True, kw_only=True)
class Times:
    """Times of one step in ms, (rounds, sides), and the sides' names by column."""

    ms: Floats
    sides: tuple[str, ...]

    def median(self, side: str) -> str:
        if side not in self.sides:
            return ""
        return f"{np.median(self.ms[:, self.sides.index(side)]):.1f}"

    def ratio(self, other: str) -> str:
        """Median of the rounds' ratios of ours over `other`, and its interval."""
        if other not in self.sides:
            return ""
        ratios = self.ms[:, self.sides.index("ours")] / self.ms[:, self.sides.index(other)]
        drawn = np.random.default_rng(0).integers(len(ratios), size=(RESAMPLES, len(ratios)))
        low, high = np.percentile(np.median(ratios[drawn], axis=1), [2.5, 97.5])
        return f"{np.median(ratios):.3f} ({low:.3f} to {high:.3f})"


class Comparison:
    """The compared implementations on one space."""

    def __init__(self, args: argparse.Namespace, name: str, peer: Any) -> None:
        self._args, self._space = args, SearchSpace.load(name)
        batch, size = DEFAULTS[name]
        self._batch, self._size = args.batch or batch, args.resolution or size
        self._ours = SuperNet(self._space)
        self._peer: nn.Module | None = None
        if peer is not None and name in NETWORKS:
            self._peer = self._placed(build_peer(peer, name, seed=0))
            state = {key: tensor.cpu() for key, tensor in self._peer.state_dict().items()}
            self._ours.load_state_dict(import_ofa(state, self._space, "the network of ofa"))
        self._ours = self._placed(self._ours)

    def rows(self) -> list[str]:
        """Return the table's rows of the largest sub-network and of a random one."""
        rng = np.random.default_rng(self._args.seed)
        archs = {
            "largest": self._space.largest(self._size),
            "random": self._space.sample(rng, 1, [self._size])[0],
        }
        return [self._row(title, arch) for title, arch in archs.items()]

    def _row(self, title: str, arch: ArchConfig) -> str:
        times = self._timed(self._steps(arch, compiled=self._args.compile and title == "largest"))
        cells = [self._space.name, self._batch, self._size, title, len(times.ms)]
        cells += [times.median(side) for side in SIDES]
        cells += [times.ratio("plain"), times.ratio("ofa")]
        return f"| {' | '.join(map(str, cells))} |"

    def _steps(self, arch: ArchConfig, *, compiled: bool) -> dict[str, Callable[[], None]]:
        plain = self._placed(self._ours.extract(arch))
        sides: dict[str, tuple[Network, nn.Module]] = {
            "ours": (lambda x: self._ours(x, arch), self._ours),
            "plain": (plain, plain),
        }
        if self._peer is not None:
            activate(self._peer, self._space.name, arch.to_json())
            sides["ofa"] = (self._peer, self._peer)
        if compiled:
            from supernet.train.engine import share_weights

            shared = share_weights(self._ours, arch).train()
            sides["ours"] = (shared, self._ours)
            sides = {name: (torch.compile(run), held) for name, (run, held) in sides.items()}
        return {name: self._step(run, held) for name, (run, held) in sides.items()}

    def _step(self, run: Network, held: nn.Module) -> Callable[[], None]:
        device, dtype = self._args.device, PRECISIONS[self._args.precision]
        images, labels = self._given()
        optimiser = torch.optim.SGD(held.parameters(), lr=1e-4, momentum=0.9, nesterov=True)

        def step() -> None:
            optimiser.zero_grad(set_to_none=True)
            with nullcontext() if dtype is None else torch.autocast(device.type, dtype):
                logits = run(images)
            loss = F.cross_entropy(logits.float(), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)

        return step

    def _timed(self, steps: dict[str, Callable[[], None]]) -> Times:
        rng = np.random.default_rng(0)
        for step in steps.values():
            for _ in range(WARM_UP_STEPS):
                step()
        names = list(steps)
        rounds: list[list[float]] = []
        until_s = time.monotonic() + self._args.seconds
        while len(rounds) < LEAST_ROUNDS or time.monotonic() < until_s:
            row = [0.0] * len(names)
            for side in rng.permutation(len(names)).tolist():
                row[side] = timed_ms(steps[names[side]])
            rounds.append(row)
        return Times(ms=np.array(rounds), sides=tuple(names))

    def _given(self) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shape: Sequence[int] = (self._batch, self._space.in_channels, self._size, self._size)
        images = torch.randn(*shape, generator=generator).to(self._args.device)
        labels = torch.randint(self._space.classes, (self._batch,), generator=generator)
        if self._args.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images, labels.to(self._args.device)

    def _placed(self, network: Any) -> Any:
        network = network.to(self._args.device).train()
        if self._args.channels_last:
            network = network.to(memory_format=torch.channels_last)
        return network


def timed_ms(step: Callable[[], None]) -> float:
    start_ns = time.perf_counter_ns()
    step()
    return (time.perf_counter_ns() - start_ns) / 1e6


if __name__ == "__main__":
    sys.exit(main())
