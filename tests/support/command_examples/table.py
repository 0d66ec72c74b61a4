from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, option
from ofabench.cli.derived.command import Command, CommandGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowExample(Options):
    table: Path = option(positional=True, metavar="T.parquet", help="a table")
    space: str | None = option(None, metavar="NAME|FILE.toml", help="of the table")
    cores: str | None = option(None, metavar="0,1", help="cores to stay on")


@dataclass(frozen=True, slots=True, kw_only=True)
class KindExample(Options):
    kind: str = option(positional=True, choices=("csv", "ofa"), help="")


def run(options: ShowExample | KindExample) -> int:
    print(options)
    return 0


SHOW = Command(name="show", help="say what a table holds", options=ShowExample, run=run)
KIND = Command(name="kind", help="it's a kind", options=KindExample, run=run)
COMMAND = CommandGroup(name="table", help="latency tables", commands=(SHOW, KIND))
