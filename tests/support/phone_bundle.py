"""Fake bundle with the runner tests/support/phone_runner.py, which measures nothing."""

import sys
from pathlib import Path

from bench.devices.remote.runner.bundle import Bundle


def fake_bundle(folder: Path) -> Bundle:
    """Write the bundle into `folder`."""
    source = Path(__file__).with_name("phone_runner.py").read_text()
    (folder / "runner").write_text(f"#!{sys.executable} -SE\n{source}")
    return Bundle(
        folder=folder,
        abi="x86_64",
        litert_version="2.3.0",
        compiler="none",
        files={"runner": ""},
        start=("./runner",),
    )
