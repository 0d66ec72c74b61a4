"""The commands that made a run, kept in its folder as a shell script.

A report recognises the script by its first line and shows the commands.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.files import read_bytes, write_text

FILE = "commands.sh"
HEAD = "# The ofabench commands that make what is in this folder."


def write_script(path: Path, commands: Sequence[str]) -> None:
    """Write a script of the commands, in order."""
    write_text(path, "\n".join([HEAD, *commands]) + "\n")


def is_script(head: bytes) -> bool:
    """Whether a file that begins so is such a script."""
    return head.startswith(HEAD.encode())


def read_script(path: Path) -> list[str]:
    """Commands of a script, without empty lines and comments."""
    lines = read_bytes(path).decode(errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]
