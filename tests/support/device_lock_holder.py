"""Another process that holds a device's lock until it is stopped or killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys
from bench.devices.device_lock import measuring
class Named:
    address = sys.argv[1]
    def lock_name(self):
        return sys.argv[1]
with measuring(Named()):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(name: str, script: str = HOLDER) -> Iterator["subprocess.Popen[str]"]:
    """Have another process hold the lock `name`; closing its input ends it."""
    with subprocess.Popen(
        [sys.executable, "-c", script, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()
