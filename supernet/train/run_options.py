"""How a training runs: devices, threads, precision; none of it changes the result."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from bench.protocol.progress import NoProgress, Progress
from supernet.train.distributed import Ranks
from supernet.train.validation import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """On what, how watched, how stopped, how kept.

    `device` is torch's name of it; with ranks, "cuda" is each one's own. With `compiled`, the
    network of a phase that trains only one is compiled. With `resume`, a checkpoint is gone on
    with. `stop` is asked after every step; where any rank's says yes, all save and end. A
    checkpoint is written at the end of each epoch, and within one every `checkpoint_s` seconds.
    With `validation`, the log has an accuracy after each epoch.
    """

    device: str = "cpu"
    compiled: bool = False
    resume: bool = False
    checkpoint_s: float = 300.0
    ranks: Ranks = field(default_factory=Ranks)
    progress: Progress = field(default_factory=NoProgress)
    stop: Callable[[], bool] = lambda: False
    validation: Validation | None = None
    clock: Callable[[], float] = time.perf_counter

    @property
    def own_device(self) -> torch.device:
        """Device of this rank."""
        return self.ranks.device_of(self.device)
