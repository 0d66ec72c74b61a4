"""Fake runner that measures nothing: its output for each round is prepared.

A program of its own, which a test's bundle holds in the real runner's place (tests/phone_bundle).
/phone/passes.json of the phone's tree holds one object a pass, of what is out of the ordinary:
`khz` of all cores, `celsius`, `slower` (a factor for the references), `write` (files of the tree),
`say` (words in the pass's place, and silence then), `signal` (how it dies).
"""

import json
import os
import sys
import time
import zlib
from pathlib import Path
from typing import Any

REFERENCES = 6


def say(**event: object) -> None:
    text = json.dumps(event).encode()
    sys.stdout.buffer.write(text + b"\t%08x\n" % zlib.crc32(text))
    sys.stdout.buffer.flush()


def main(job_file: str) -> None:
    root = Path.cwd().parents[4]  # of /data/local/tmp/ofabench/bundle
    words = [line.split() for line in Path(job_file).read_text().splitlines()]
    models = [value for key, value in words if key == "model"]
    numbers = {
        key: int(value, 16 if key == "cores" else 10) for key, value in words if key != "model"
    }
    messages = root / "phone/passes.json"
    script: list[dict[str, Any]] = json.loads(messages.read_text()) if messages.exists() else []
    say(event="begin", version="1", litert="2.3.0", clock_cost_ns=20)
    for place, model in enumerate(models):
        if Path("..", model).read_bytes()[4:8] != b"TFL3":
            say(event="error", what="not a TFLite file", file=model)
            sys.exit(3)
        whole = not (root / "phone/not_whole").exists()
        say(event="model", place=place, file=model, whole_graph=whole, load_ns=1000)
    say(event="ready", loops=[1] * len(models))
    number = 0
    for line in sys.stdin:
        if line != "pass\n":
            break
        how = script[number] if number < len(script) else {}
        out_of_order(root, how)
        say(**a_pass(number, how, len(models), numbers["calls"], numbers["seed"]))
        number += 1
    say(event="end", passes=number)


def out_of_order(root: Path, how: dict[str, Any]) -> None:
    if "signal" in how:
        os.kill(os.getpid(), how["signal"])
    if "say" in how:
        sys.stdout.write(how["say"])
        sys.stdout.flush()
        time.sleep(60)
    for name, text in how.get("write", {}).items():
        (root / name).write_text(text)


def a_pass(number: int, how: dict[str, Any], places: int, calls: int, seed: int) -> dict[str, Any]:
    slower = [
        how.get("slower", 1.0) if place >= places - REFERENCES else 1.0 for place in range(places)
    ]
    return {
        "event": "pass",
        "number": number,
        "began_ns": number * 10**9,
        "ended_ns": (number + 1) * 10**9,
        "samples_ns": [[1e6 * (place + 1) * slower[place]] * calls for place in range(places)],
        "order": sorted(range(places), key=lambda p: zlib.crc32(b"%d %d %d" % (seed, number, p))),
        "retaken": 0,
        "kept": 0,
        "frequencies_khz": {f"cpu{core}": how.get("khz", 2_314_000) for core in range(8)},
        "temperatures_c": {"BIG": how.get("celsius", 38.0)} | how.get("sensors", {}),
        "load_average": 0.5,
    }


if __name__ == "__main__":
    main(sys.argv[1])
