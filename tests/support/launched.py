"""Functions that tests run in worker processes."""

import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.devices.device_lock import this_process
from bench.errors import InterruptedSweepError, TargetMismatchError, UnrunnableError
from bench.options import Options, option
from bench.protocol.progress import Progress, RoundProgress, RoundWatcher
from supernet.train.callbacks import StepWatcher, TrainingProgress

STEP = TrainingProgress(
    phase="kernel",
    phase_number=2,
    phases=4,
    epoch=3,
    epochs=5,
    loss=1.25,
    accuracy=0.5,
    lr=0.01,
    images_per_s=2000.0,
    seconds_left=90.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SumOptions(Options):
    numbers: tuple[int, ...] = option((), separator=",", help="to add")
    file: Path | None = option(None, help="to touch")


@dataclass(frozen=True, slots=True)
class Sum:
    total: int
    pid: int

    def to_dict(self) -> dict[str, int]:
        return {"total": self.total, "pid": self.pid}


def add(options: SumOptions, progress: Progress) -> Sum:
    progress.start(len(options.numbers), "adding")
    for number in options.numbers:
        print("a library prints", number)
        progress.advance(note=f"{number}")
    logging.getLogger("ofabench.test").info("added")
    return Sum(sum(options.numbers), os.getpid())


def show(options: SumOptions, progress: Progress) -> None:
    """Show figures, as sweeps and trainings do."""
    assert isinstance(progress, RoundWatcher)
    assert isinstance(progress, StepWatcher)
    progress.start(1, "showing")
    progress.show_round(
        RoundProgress(replicate=1, replicates=2, drift=1.5, disturbed_rounds=3, repeated_bursts=4)
    )
    progress.show_step(STEP)
    progress.advance()


def who(options: SumOptions, progress: Progress) -> dict[str, str]:
    return {"command": this_process().command}


def refuse(options: SumOptions, progress: Progress) -> None:
    raise TargetMismatchError(f"got {options.numbers}, expected none")


def cannot_run(options: SumOptions, progress: Progress) -> None:
    raise UnrunnableError("no memory", place=3)


def break_off(options: SumOptions, progress: Progress) -> None:
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def break_off_in_an_event(options: SumOptions, progress: Any) -> None:
    """Die after half a line of an event."""
    progress._out.write('{"event": "adva')
    progress._out.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def forget(options: SumOptions, progress: Progress) -> None:
    sys.exit(7)


def wait_for_ctrl_c(options: SumOptions, progress: Progress) -> None:
    try:
        progress.start(1, "waiting")
        time.sleep(60)
    except KeyboardInterrupt:
        assert options.file is not None
        options.file.write_text("put back")
        raise InterruptedSweepError("stopped; 3 loads are kept") from None
