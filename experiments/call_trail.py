"""Run `python -m ofabench` in this process and record which of the product's files are called.

    python -P experiments/call_trail.py OUT.json ROOT PACKAGE,... ARGUMENT ...

OUT.json gets a list of [caller's file, callee's file, callee's name], each combination once, in the
order of its first call, from when argparse has read the arguments for the last time until the last
SQLite file is closed or the last file is put in its place (`os.replace`); paths are from ROOT. The
caller is the nearest file of the product up the stack; "" where there is none, as in a thread.
What importing a module runs, comprehensions and class bodies are no calls.

This file needs nothing but Python, so that it can run any checkout.
"""

import json
import os
import runpy
import sqlite3
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

PARSERS = ("parse_args", "parse_known_args")
COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
PLACES = (os.replace, os.rename, os.link)
OPTIMIZED = 0x1  # of code objects: a function's; a module's and a class body's have it not

Call = tuple[str, str, str]


class Recorder:
    """Profile function for `sys.setprofile` that records calls."""

    def __init__(self, root: Path, packages: tuple[str, ...]) -> None:
        self._root = f"{root.resolve()}{os.sep}"
        self._packages = packages
        self._files: dict[CodeType, str] = {}
        self._calls: dict[Call, None] = {}
        self._end = 0

    @property
    def calls(self) -> list[Call]:
        """Return the calls up to the last that wrote a file, or all where none did."""
        return list(self._calls)[: self._end or None]

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """Record one event."""
        if event == "call":
            self._called(frame)
        elif event == "return":
            code = frame.f_code
            if code.co_name in PARSERS and code.co_filename.endswith("argparse.py"):
                self._calls.clear()
                self._end = 0
        elif event == "c_call" and _writes(arg):
            self._end = len(self._calls)

    def _called(self, frame: FrameType) -> None:
        code = frame.f_code
        callee = self._file(code)
        if not callee or not code.co_flags & OPTIMIZED or code.co_name in COMPREHENSIONS:
            return
        call = (self._caller(frame), callee, code.co_qualname)
        if call not in self._calls and not _importing(frame):
            self._calls[call] = None

    def _caller(self, frame: FrameType) -> str:
        above = frame.f_back
        while above is not None:
            if path := self._file(above.f_code):
                return path
            above = above.f_back
        return ""

    def _file(self, code: CodeType) -> str:
        if code not in self._files:
            name = code.co_filename
            path = name.removeprefix(self._root).replace(os.sep, "/")
            ours = path != name and path.split("/")[0] in self._packages
            self._files[code] = path if ours else ""
        return self._files[code]


def _writes(called: object) -> bool:
    if called in PLACES:
        return True
    owner = getattr(called, "__self__", None)
    return isinstance(owner, sqlite3.Connection) and getattr(called, "__name__", "") == "close"


def _importing(frame: FrameType) -> bool:
    above = frame.f_back
    while above is not None:
        if above.f_code.co_filename.startswith("<frozen importlib"):
            return True
        above = above.f_back
    return False


def main() -> int:
    """Run a command under the recorder; its exit code."""
    out, root, packages, *argv = sys.argv[1:]
    recorder = Recorder(Path(root), tuple(packages.split(",")))
    sys.argv = ["ofabench", *argv]
    code: object = 0
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        runpy.run_module("ofabench", run_name="__main__", alter_sys=True)
    except SystemExit as stopped:
        code = stopped.code
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    Path(out).write_text(json.dumps(recorder.calls), "utf-8")
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    sys.exit(main())
