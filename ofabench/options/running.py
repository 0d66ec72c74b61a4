"""Options that every training has: of a supernet, and of a single network."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import SECONDS, Options, nested, option
from ofabench.options import shared
from ofabench.options.augmentation import AugmentationOptions

PRECISIONS = ("float32", "bfloat16", "float16")
_RUNNING = "how it runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningOptions(Options):
    """Seed, device, precision, checkpoints and augmentation of a training.

    Example:
        >>> RunningOptions(device="cuda:1", checkpoint_every_s="90s").checkpoint_every_s
        90.0
    """

    workers: int | None = option(
        None,
        minimum=1,
        metavar="N",
        help="processes that read a folder's images (default: one per core)",
    )
    seed: int = option(0, minimum=0, metavar="N", help="seed of everything random ({default})")
    resume: bool = option(
        False, help="continue the interrupted training of --out, with the same options"
    )
    device: str = shared.torch_device(_RUNNING)
    threads: int | None = option(
        None,
        minimum=1,
        metavar="N",
        group=_RUNNING,
        help="threads of torch (default: one per core)",
    )
    precision: str = option(
        "float32",
        choices=PRECISIONS,
        group=_RUNNING,
        help="precision of the forward pass; weights stay float32 ({default})",
    )
    compile: bool = option(
        False, group=_RUNNING, help="compile the network in phases that train a single one"
    )
    compile_limit_s: float = option(
        600.0,
        flag="--compile-limit",
        unit=SECONDS,
        metavar="TIME",
        group=_RUNNING,
        help="time for compiling, e.g. 5m; training continues without it afterwards ({default})",
    )
    accumulate: int = option(
        1,
        minimum=1,
        metavar="N",
        group=_RUNNING,
        help="micro-batches of a step in each process ({default})",
    )
    checkpoint_every_s: float = option(
        300.0,
        flag="--checkpoint-every",
        unit=SECONDS,
        metavar="TIME",
        group=_RUNNING,
        help="time between checkpoints within an epoch, e.g. 90s or 5m ({default})",
    )

    tensorboard: Path | None = option(
        None,
        metavar="DIR",
        group=_RUNNING,
        help="also write the log as TensorBoard's events, into a folder of DIR that is named after "
        "--out (needs the extra tensorboard)",
    )

    augmentation: AugmentationOptions = nested(
        AugmentationOptions, group="augmentation of training images"
    )

    def check(self) -> None:
        """Check the device."""
        shared.check_torch_device(self.device)
