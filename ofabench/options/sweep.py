"""Options of a sweep: workloads, repetitions, and target."""

from dataclasses import dataclass
from pathlib import Path

from bench.blocks.graph_form import GraphForm
from bench.errors import InputError
from bench.options import SECONDS, Options, nested, option
from bench.protocol.energy import LEAST_S, EnergyPlan
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.sessions import check_every

PLAIN_FORMS, AUTO_FORMS = "plain", "auto"
REPLICATES, ROUNDS, BURST = 6, 30, 3
# Within a budget: more blocks, each measured less often, since a regression averages many.
BUDGET_REPLICATES, BUDGET_ROUNDS = 3, 10
_CHOSEN_BY_BUDGET = ("blocks", "informative", "archs", "ends", "settle")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOptions(Options):
    """Workloads of a sweep, their repetitions, and threads, batch and precision.

    `replicates` and `rounds` None mean 6 and 30, with a budget 3 and 10.
    """

    precision: str = option(
        "fp32",
        choices=("fp32", "fp16", "bf16", "int8"),
        help="precision of weights and activations ({default}); int8 for onnx and tflite",
    )
    forms: str = option(
        "plain",
        metavar="auto|NAME=VALUE,...",
        help="how graphs are written where there are equivalent ways ({default}): auto times both "
        "on a few blocks of the device and keeps the faster; or hswish=decomposed, "
        "depthwise7=split, weights=float16 (tflite), stem=float (int8), separated by commas",
    )
    threads: int = option(1, minimum=1, metavar="N", help="threads of the runtime ({default})")
    cores: str | None = option(
        None,
        metavar="0,1",
        help="CPU cores to run on, or any; on phones and boards also big (default), "
        "little, all or a hex mask",
    )
    batch: int = option(1, minimum=1, metavar="N", help="images per inference ({default})")
    resolutions: tuple[int, ...] | None = option(
        None,
        separator=",",
        minimum=1,
        metavar="128,160",
        help="resolutions to measure (default: all)",
    )
    blocks: int | None = option(
        None, minimum=0, metavar="N", help="measure only N random blocks (default: all)"
    )
    networks: int = option(0, minimum=0, metavar="N", help="also measure N random whole networks")
    informative: bool = option(
        False,
        help="choose the --networks among many random ones, as the most informative about the "
        "others",
    )
    archs: Path | None = option(
        None,
        metavar="A.jsonl",
        help="also measure the networks of this file, also as OFA prints them",
    )
    budget_s: float | None = option(
        None,
        flag="--budget",
        unit=SECONDS,
        metavar="5m",
        help="choose workloads for this time (90s, 5m, 1h): the most informative blocks and up to "
        "--networks networks (default: 20, and more if time is left)",
    )
    ends: bool = option(False, help="also measure the smallest and the largest network")
    seed: int = shared.seed("seed of random workloads and of their order")
    sessions: int = option(
        1,
        minimum=1,
        metavar="N",
        help="spread the replicates over N measurement sessions ({default}); with --budget those "
        "of the main iteration",
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
        help="measure workloads with wide intervals again, up to N times; also later with --resume",
    )
    replicates: int | None = option(
        None,
        minimum=1,
        aliases=("--loads",),
        metavar="N",
        help="number of replicates, each with new models, memory and order; default "
        f"{REPLICATES}, with --budget {BUDGET_REPLICATES}",
    )
    rounds: int | None = option(
        None,
        minimum=1,
        aliases=("--passes",),
        metavar="N",
        help="rounds of each replicate, each with every workload once in a new order; default "
        f"{ROUNDS}, with --budget {BUDGET_ROUNDS}",
    )
    burst: int = option(
        BURST,
        minimum=1,
        aliases=("--calls",),
        metavar="N",
        help="timing samples in a row, the first one cold ({default})",
    )
    cache: str = option(
        "warm",
        choices=("warm", "cold"),
        help="samples of a burst to use: the warm ones, or the first, cold one",
    )
    energy: bool = option(
        False,
        help="after the latencies, also measure energy per inference and peak memory, in each "
        "replicate; with --resume also of a finished sweep",
    )
    energy_time_s: float | None = option(
        None,
        flag="--energy-time",
        unit=SECONDS,
        metavar="1s",
        help="with --energy: shortest time for which each workload runs in a replicate, besides "
        f"as long idle ({LEAST_S:g}s)",
    )
    force: bool = shared.force()
    resume: bool = option(False, help="continue the sweep in --out")

    @property
    def replicates_or_default(self) -> int:
        """Number of replicates."""
        return self.replicates or (REPLICATES if self.budget_s is None else BUDGET_REPLICATES)

    @property
    def rounds_or_default(self) -> int:
        """Number of rounds of each replicate."""
        return self.rounds or (ROUNDS if self.budget_s is None else BUDGET_ROUNDS)

    def check(self) -> None:
        """Check that options fit together, and the pause between sessions."""
        check_every(self.every_s)
        if self.energy_time_s is not None:
            if not self.energy:
                raise InputError("--energy-time is for --energy: give both, or neither")
            EnergyPlan(least_s=self.energy_time_s)
        if self.forms not in (PLAIN_FORMS, AUTO_FORMS):
            GraphForm.parse(self.forms)
        if self.every_s is not None and self.sessions == 1:
            raise InputError("--every is the pause between --sessions: give both, or neither")
        if self.sessions > self.replicates_or_default:
            raise InputError(
                f"--sessions is {self.sessions}, but there are only {self.replicates_or_default} "
                f"replicates to split: give --replicates {self.sessions} or more, or fewer sessions"
            )
        if self.budget_s is None:
            return
        listed = [f"--{name}" for name in _CHOSEN_BY_BUDGET if getattr(self, name)]
        if listed:
            raise InputError(f"--budget chooses what is measured: leave {', '.join(listed)} out")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest(Options):
    """Request of a sweep: space, device, backends, and file."""

    space: str = shared.space()
    device: DeviceOptions = nested(DeviceOptions)
    backend: tuple[str, ...] | None = option(
        None,
        separator=",",
        metavar="B[,B]",
        help="runtime: torch, onnx or tflite; on phones tflite. Several take turns, replicate by "
        "replicate, each with a file STEM-B.sqlite; their table is in STEM.parquet and STEM.csv",
    )
    sweep: SweepOptions = nested(SweepOptions)
    out: Path = shared.out("SWEEP.sqlite|FOLDER")
