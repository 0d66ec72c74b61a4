"""Run tests on a mutant in a copy of the project, in a forked process that has torch already."""

import gc
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from enum import Enum
from pathlib import Path

# Imported once, before forking; nothing of the project, which each fork imports from the copy.
HEAVY = (
    "hypothesis",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "pyarrow.parquet",
    "pytest",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.gaussian_process",
    "torch",
)


def copy_project(root: Path, copy: Path) -> None:
    """Copy what git knows or would add, as it lies in the working tree."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)


def import_heavy() -> None:
    """Import the large libraries, so that the forks need not."""
    for name in HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a fork's collector need not copy all of them


class Outcome(Enum):
    """What became of a mutant, as the letter that shows progress."""

    KILLED = "."
    TIMED_OUT = "T"  # killed too: most loop for ever
    SURVIVED = "S"


def run_tests(
    copy: Path, tests: list[str], *, limit_s: float, keep_bytecode: bool = False
) -> Outcome:
    """Run the tests in the copy until one fails; what they print is in `output.txt`."""
    shutil.rmtree(copy / ".hypothesis", ignore_errors=True)  # examples that other mutants failed
    pid = os.fork()
    if pid == 0:
        _run_in_fork(copy, tests, keep_bytecode)
    deadline_s = time.monotonic() + limit_s
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return Outcome.KILLED if status else Outcome.SURVIVED
        if time.monotonic() > deadline_s:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return Outcome.TIMED_OUT
        time.sleep(0.02)


def _run_in_fork(copy: Path, tests: list[str], keep_bytecode: bool) -> None:
    """Run pytest and leave the process with its exit status; never return."""
    status = 1
    try:
        os.setsid()  # so that what the tests start can be ended with them
        output = os.open(copy / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy)
        # A mutant as long as the original and as old would be taken for it by its bytecode.
        sys.dont_write_bytecode = not keep_bytecode
        sys.path[:] = [str(copy), *sys.path[1:]]
        for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
            del sys.modules[name]
        pytest = importlib.import_module("pytest")
        options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-m", ""]
        options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is there before
        status = int(pytest.main([*options, *tests]))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
