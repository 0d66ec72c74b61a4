"""Worker process for one target under atheris: `python -m tests.fuzz.worker`.

Continues after a finding: it is saved, and later ones with the same place in our code are only
counted. The report is written to a file, since libFuzzer ends the process without Python's exit.
"""

import argparse
import json
import os
import random
import resource
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import atheris

from tests.fuzz.changes import changed
from tests.fuzz.target import LIMIT_BYTES, LIMIT_S, FuzzTarget

INSTRUMENTED = ["bench", "latency_models", "supernet", "ofabench", "yaml", "PIL", "tomllib"]
# After it libFuzzer ends the process; by the clock, which may jump on a virtual machine.
HANG_S = 60
# What may be mapped above the start; a reader that asks for more gets a MemoryError.
MAPPED_BYTES = 4 * LIMIT_BYTES
WRITE_EVERY_S = 0.5
REPORT = "report.json"


@dataclass(slots=True)
class Meter:
    """Reads inputs by a target, and records their time, memory and findings."""

    target: FuzzTarget
    folder: Path
    most_inputs: int
    most_s: float
    baseline_bytes: int = 0
    inputs: int = 0
    slowest_s: float = 0.0
    findings: Counter[str] = field(default_factory=Counter)
    began_s: float = field(default_factory=time.monotonic)
    written_s: float = 0.0

    def read_input(self, data: bytes) -> None:
        """Read one input; ends the process where time or inputs are used up."""
        self.inputs += 1
        start_s, start_bytes = time.process_time(), self.peak_bytes
        try:
            self.target(data)
        except Exception as error:  # each is a finding, whatever it is
            self._found(_place(error), data, traceback.format_exc())
        took_s = time.process_time() - start_s
        if took_s > self.slowest_s:
            self.slowest_s = took_s
            (self.folder / "slowest").write_bytes(data)
            if took_s > LIMIT_S:
                self._found("slow", data, f"{took_s:.2f} s of processor time")
        if self.peak_bytes > max(LIMIT_BYTES, start_bytes):
            self._found("memory", data, f"{self.peak_bytes / 1e6:.0f} MB above the start")
        now_s = time.monotonic()
        over = self.inputs >= self.most_inputs or now_s - self.began_s >= self.most_s
        if over or now_s - self.written_s > WRITE_EVERY_S:
            self.written_s = now_s
            self.write()
        if over:
            sys.stdout.flush()
            os._exit(0)

    @property
    def peak_bytes(self) -> int:
        """Most memory so far above what imports and seeds take."""
        return max(0, _peak_bytes() - self.baseline_bytes)

    def write(self) -> None:
        """Write the report."""
        report = {
            "target": self.target.name,
            "inputs": self.inputs,
            "seconds": time.monotonic() - self.began_s,
            "findings": dict(self.findings),
            "slowest_s": self.slowest_s,
            "peak_bytes": self.peak_bytes,
        }
        part = self.folder / f"{REPORT}.part"
        part.write_text(json.dumps(report))
        part.replace(self.folder / REPORT)

    def _found(self, place: str, data: bytes, text: str) -> None:
        self.findings[place] += 1
        file = self.folder / f"finding-{_file_name(place)}"
        if self.findings[place] == 1 or len(data) < file.stat().st_size:
            file.write_bytes(data)
            file.with_name(file.name + ".txt").write_text(text)


def main() -> None:
    """Fuzz one target of an area until its time or its inputs are used up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("area")
    parser.add_argument("target")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    args = parser.parse_args()
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.areas import targets_of

        target = next(item for item in targets_of(args.area) if item.name == args.target)
        seeds = target.seeds()
        for seed in seeds:  # imports what is imported late
            target(seed)
    corpus = args.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*seeds, *target.regressions()]):
        (corpus / f"seed-{number}").write_bytes(seed)
    meter = Meter(target, args.folder, args.inputs, args.seconds)
    _limit_memory()
    largest = max([target.largest, *map(len, seeds)])
    options = [
        f"-max_len={largest}",
        f"-timeout={HANG_S}",
        f"-seed={args.seed}",
        f"-artifact_prefix={args.folder}/",
        "-rss_limit_mb=0",  # measured here
        "-print_final_stats=0",
        "-verbosity=0",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *options], meter.read_input, custom_mutator=_mutate)
    meter.baseline_bytes = _peak_bytes()
    atheris.Fuzz()


def _mutate(data: bytes, most: int, seed: int) -> bytes:
    """libFuzzer's change or, of every other text, one of ours."""
    if seed % 2 and data.isascii():
        result = changed(data, random.Random(seed))
        if len(result) <= most:
            return result
    mutated: bytes = atheris.Mutate(data, most)
    return mutated


def _place(error: BaseException) -> str:
    """Name of a finding: the exception, and the innermost line of ours that it left."""
    root = Path(__file__).parents[2]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f for f in frames if Path(f.filename).is_relative_to(root) and ".venv" not in f.filename
    ]
    last = (ours or frames)[-1]
    return f"{type(error).__name__} {Path(last.filename).name}:{last.lineno}"


def _file_name(place: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in place)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MAPPED_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
