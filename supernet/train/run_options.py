"""Options of a training run that do not change its result."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from bench.protocol.progress import NoProgress, Progress
from supernet.train.callbacks import TrainCallback
from supernet.train.distributed import Ranks
from supernet.train.log import LogMirror
from supernet.train.validation import EpochValidation


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Device, checkpoints, progress and stop condition of a training run.

    `device` is a torch device; with several ranks, "cuda" is the GPU of each. With `compiled`, the
    network of a phase with a single network is compiled, and trained uncompiled where compiling
    takes longer than `compile_limit_s`. With `resume`, training continues from a checkpoint. `stop`
    is called after every step; where it is true on any rank, all save and end. A checkpoint is
    written at the end of each epoch, and within an epoch every `checkpoint_s` seconds. With
    `validation`, the log has accuracies after each epoch. `mirror` is shown all lines of the log,
    and the `callbacks` are called after each epoch; both on the first rank alone. `verb` is shown
    with the progress.
    """

    device: str = "cpu"
    compiled: bool = False
    compile_limit_s: float = 600.0
    resume: bool = False
    checkpoint_s: float = 300.0
    ranks: Ranks = field(default_factory=Ranks)
    progress: Progress = field(default_factory=NoProgress)
    stop: Callable[[], bool] = lambda: False
    validation: EpochValidation | None = None
    mirror: LogMirror | None = None
    callbacks: Sequence[TrainCallback] = ()
    verb: str = "train"
    clock: Callable[[], float] = time.perf_counter

    @property
    def own_device(self) -> torch.device:
        """Device of this rank."""
        return self.ranks.device_of(self.device)
