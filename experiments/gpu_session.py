"""One command for a short time on a CUDA machine: run what matters most, keep every figure.

    make gpu-session                                  # 10 minutes on cuda:0, into gpu-session/
    python -m experiments.gpu_session --out FOLDER [--device cuda:0] [--minutes 10] [--only NAME]

Steps run in order of worth, each a command of ofabench, pytest or experiments with a time limit.
What a step prints goes to FOLDER/NAME.log as it comes, what it makes to FOLDER, and after every
step FOLDER/summary.json and FOLDER/summary.md say how each ended, so that a machine that is taken
away in the middle costs only the step that was running. A step whose packages are not installed is
skipped with its reason; one that fails or exceeds its limit does not stop the others. Started again
with the same folder, steps that are done are not repeated, and sweeps that were cut off continue.
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from bench.errors import FileError, OfabenchError
from bench.files import write_text
from experiments.gpu_session_steps import SessionStep, session_steps

LEAST_S = 5.0  # a step with less time left is not begun
GRACE_S = 10.0  # between the request to stop and the end by force
TAIL_LINES = 3
SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a step ended: "done", "failed", "cut off", "skipped" or "no time left"."""

    name: str
    title: str
    command: str
    ended: str
    seconds: float = 0.0
    reason: str = ""  # of a step that is not done

    def line(self) -> str:
        reason = self.reason.replace("|", "/")
        return f"| {self.name} | {self.title} | {self.ended} | {self.seconds:.0f} | {reason} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Folder of a session, and its end on the clock, in seconds."""

    folder: Path
    end_s: float
    clock: Callable[[], float] = time.monotonic

    def run(self, steps: Sequence[SessionStep], say: Callable[[str], None]) -> list[Outcome]:
        """Run the steps that are not done; write the summary after each."""
        done = self.earlier()
        outcomes: list[Outcome] = []
        for number, step in enumerate(steps, start=1):
            outcome = done.get(step.name)
            if outcome is None:
                say(f"[{number}/{len(steps)}] {step.title}: {step.command}")
                outcome = self.run_step(step)
                say(f"    {outcome.ended}, {outcome.seconds:.0f} s {outcome.reason}".rstrip())
            outcomes.append(outcome)
            self.write(outcomes)
        return outcomes

    def earlier(self) -> dict[str, Outcome]:
        """Steps that an earlier start did, by name."""
        path = self.folder / SUMMARY
        if not path.exists():
            return {}
        try:
            outcomes = [Outcome(**outcome) for outcome in json.loads(path.read_text())["steps"]]
        except (ValueError, TypeError, KeyError) as error:
            raise FileError(f"{path} is no summary of a session: {error}; remove it") from None
        return {outcome.name: outcome for outcome in outcomes if outcome.ended == "done"}

    def run_step(self, step: SessionStep) -> Outcome:
        limit_s = min(step.limit_s, self.end_s - self.clock())
        missing = [name for name in step.packages if importlib.util.find_spec(name) is None]
        if missing:
            return self.outcome(step, "skipped", reason=f"not installed: {', '.join(missing)}")
        absent = [path.name for path in step.needs if not path.exists()]
        if absent:
            return self.outcome(step, "skipped", reason=f"an earlier step made no {absent[0]}")
        if limit_s < LEAST_S:
            return self.outcome(step, "no time left")
        started = self.clock()
        log = self.folder / f"{step.name}.log"
        resumed = step.resumes is not None and step.resumes.exists()
        argv = (*step.argv, "--resume") if resumed else step.argv
        with log.open("w", encoding="utf-8") as output:
            code = run_limited(argv, limit_s, output)
        seconds = self.clock() - started
        if code is None:
            reason = f"its limit was {limit_s:.0f} s"
            return self.outcome(step, "cut off", seconds=seconds, reason=reason)
        if code == 0:
            return self.outcome(step, "done", seconds=seconds)
        reason = f"exit code {code}: {tail(log)}"
        return self.outcome(step, "failed", seconds=seconds, reason=reason)

    @staticmethod
    def outcome(
        step: SessionStep, ended: str, *, seconds: float = 0.0, reason: str = ""
    ) -> Outcome:
        return Outcome(
            name=step.name,
            title=step.title,
            command=step.command,
            ended=ended,
            seconds=round(seconds, 1),
            reason=reason,
        )

    def write(self, outcomes: Sequence[Outcome]) -> None:
        steps = {"steps": [asdict(outcome) for outcome in outcomes]}
        write_text(self.folder / SUMMARY, json.dumps(steps, indent=1) + "\n")
        head = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n\n| step | what | ended | s | why |\n"
        rows = "\n".join(outcome.line() for outcome in outcomes)
        write_text(self.folder / "summary.md", f"{head}|---|---|---|---|---|\n{rows}\n")


def run_limited(argv: Sequence[str], limit_s: float, output: TextIO) -> int | None:
    """Run a command into `output`; None where it was ended at its limit.

    At the limit it is asked to stop as by Ctrl-C, so that it saves what it has, and ended by force
    if it does not; processes that it started end with it.
    """
    process = subprocess.Popen(
        argv, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        stop(process)
        return None
    except KeyboardInterrupt:
        stop(process)
        raise


def stop(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " / ".join(lines[-TAIL_LINES:])[:400]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=Path("gpu-session"), help="folder (gpu-session)"
    )
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these steps")
    parser.add_argument("--list", action="store_true", help="print the steps and their limits")
    args = parser.parse_args()
    session = Session(folder=args.out, end_s=time.monotonic() + 60 * args.minutes)
    steps = session_steps(args.out, args.device)
    if args.only:
        steps = [step for step in steps if step.name in args.only]
    if args.list:
        print("\n".join(f"{step.name:<18} {step.limit_s:4.0f} s  {step.command}" for step in steps))
        return 0
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        outcomes = session.run(steps, lambda line: print(line, flush=True))
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped; {args.out / SUMMARY} has what ended before", file=sys.stderr)
        return 130
    print((args.out / "summary.md").read_text())
    return 0 if all(outcome.ended in {"done", "skipped"} for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
