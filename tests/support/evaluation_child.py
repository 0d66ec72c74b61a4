"""Child process that measures networks of a micro supernet, alone or as one of torchrun's ranks.

python -m tests.support.evaluation_child SUPERNET OUT [--networks N] [--rank R --kill-at K]
With `--kill-at`, rank R kills itself by SIGKILL when it is about to measure its network number K.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench.errors import OfabenchError
from ofabench.options.accuracy import EvaluationOptions
from ofabench.workflows.train.supernet import load_supernet
from supernet.accuracy import measure
from tests.support.micro_supernets import micro_images


def say(line: str) -> None:
    """Write a line at once: two processes share the output."""
    os.write(sys.stdout.fileno(), f"{line}\n".encode())


def main() -> int:
    """Measure; exit code 2 with the error's line on stdout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("supernet", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--networks", type=int, default=9)
    parser.add_argument("--rank", default="0")
    parser.add_argument("--kill-at", type=int)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.kill_at is not None and os.environ.get("RANK", "0") == args.rank:
        _kill_at(args.kill_at)
    supernet = load_supernet(args.supernet, data=micro_images())
    options = EvaluationOptions(networks=args.networks, images=30, calibration=200)
    try:
        measured = supernet.evaluate(out=args.out, options=options)
    except OfabenchError as error:
        say(f"error: {error}")
        return 2
    say(f"rows: {measured.frame['accuracy'].tolist()}")
    return 0


def _kill_at(number: int) -> None:
    whole = measure.measure_each

    def killed(*args: Any) -> Iterator[Any]:
        for done, scored in enumerate(whole(*args), start=1):
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)
            yield scored

    setattr(measure, "measure_each", killed)  # noqa: B010 - its type is that of the real one


if __name__ == "__main__":
    sys.exit(main())
