"""Options of a sweep: what of a space is measured, how often, and on what."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import SECONDS, Options, nested, option
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.sessions import check_every

REPLICATES, ROUNDS, BURST = 6, 30, 3
# Within a budget: more blocks, each less often. A regression takes the mean of many.
BUDGET_REPLICATES, BUDGET_ROUNDS = 3, 10
_CHOSEN_BY_BUDGET = ("blocks", "informative", "archs", "ends", "settle")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions(Options):
    """What a sweep measures, how often, and with what threads, batch and precision.

    `replicates` and `rounds` None are 6 and 30, with a budget 3 and 10.
    """

    precision: str = option(
        "fp32", choices=("fp32", "fp16", "bf16"), help="of weights and activations ({default})"
    )
    threads: int = option(1, minimum=1, metavar="N", help="of the runtime ({default})")
    cores: str | None = option(
        None,
        metavar="0,1",
        help="cores to stay on, or any; phones: big (default), little, all or a hex mask too",
    )
    batch: int = option(1, minimum=1, metavar="N", help="images an inference ({default})")
    resolutions: tuple[int, ...] | None = option(
        None, separator=",", minimum=1, metavar="128,160", help="default: all"
    )
    blocks: int | None = option(None, minimum=0, metavar="N", help="only N, drawn by --seed")
    networks: int = option(0, minimum=0, metavar="N", help="random whole networks as well")
    informative: bool = option(
        False, help="of many random networks, those --networks that say most of the others"
    )
    archs: Path | None = option(
        None,
        metavar="A.jsonl",
        help="the networks of this file as well, also as OFA prints them",
    )
    budget_s: float | None = option(
        None,
        flag="--budget",
        unit=SECONDS,
        metavar="5m",
        help="choose what to measure so that it takes about so long (90s, 5m, 1h): the blocks "
        "and up to --networks networks that say most (default: 20, and more where time is left)",
    )
    ends: bool = option(False, help="the smallest and the largest network as well")
    seed: int = shared.seed("decides what is drawn, and in which order it is measured")
    sessions: int = option(
        1,
        minimum=1,
        metavar="N",
        help="spread the replicates over N measurement sessions ({default}); with --budget those "
        "of the main round",
    )
    every_s: float | None = option(
        None,
        flag="--every",
        unit=SECONDS,
        metavar="5m",
        help="with --sessions: from the end of one session to the start of the next, at least 5m "
        "(default)",
    )
    settle: int = option(
        0,
        minimum=0,
        metavar="N",
        help="measure again, up to N times, what has not settled; with --resume also later",
    )
    replicates: int | None = option(
        None,
        minimum=1,
        aliases=("--loads",),
        metavar="N",
        help="models, memory and order made afresh so often; default "
        f"{REPLICATES}, with --budget {BUDGET_REPLICATES}",
    )
    rounds: int | None = option(
        None,
        minimum=1,
        aliases=("--passes",),
        metavar="N",
        help="of each replicate, every workload once, in a new order; default "
        f"{ROUNDS}, with --budget {BUDGET_ROUNDS}",
    )
    burst: int = option(
        BURST,
        minimum=1,
        aliases=("--calls",),
        metavar="N",
        help="timed samples in a row, the first one cold ({default})",
    )
    cache: str = option("warm", choices=("warm", "cold"), help="which samples of a burst count")
    force: bool = shared.force()
    resume: bool = option(False, help="go on with the sweep in --out")

    @property
    def replicates_or_default(self) -> int:
        """How often models are made afresh."""
        return self.replicates or (REPLICATES if self.budget_s is None else BUDGET_REPLICATES)

    @property
    def rounds_or_default(self) -> int:
        """How often each replicate goes round all of its models."""
        return self.rounds or (ROUNDS if self.budget_s is None else BUDGET_ROUNDS)

    def check(self) -> None:
        """See that options fit together, and that sessions are far enough apart."""
        check_every(self.every_s)
        if self.every_s is not None and self.sessions == 1:
            raise InputError("--every says how far --sessions are apart: give both, or neither")
        if self.sessions > self.replicates_or_default:
            raise InputError(
                f"--sessions is {self.sessions}, but {self.replicates_or_default} replicates are "
                f"split among them: give --replicates {self.sessions} or more, or fewer sessions"
            )
        if self.budget_s is None:
            return
        listed = [f"--{name}" for name in _CHOSEN_BY_BUDGET if getattr(self, name)]
        if listed:
            raise InputError(f"--budget chooses what is measured: leave {', '.join(listed)} out")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest(Options):
    """A whole sweep in words: of which space, on which device and backend, into which file."""

    space: str = shared.space()
    device: DeviceOptions = nested(DeviceOptions)
    backend: str | None = option(None, metavar="B", help="torch, onnx or tflite; phones: tflite")
    sweep: SweepOptions = nested(SweepOptions)
    out: Path = shared.out("SWEEP.sqlite|FOLDER")
