'''The command line: commands derived from dataclasses of options, and nothing else.

How a command is written, in `ofabench/cli/commands/compare.py`:

    """`ofabench compare`."""

    from dataclasses import dataclass
    from pathlib import Path

    from bench.options import SHARE, Options, nested, option
    from ofabench.cli.derived.command import Command
    from ofabench.options import shared


    @dataclass(frozen=True, slots=True, kw_only=True)
    class CompareCommand(Options):
        """Options of `ofabench compare`."""

        first: Path = option(positional=True, metavar="A.parquet", help="")
        second: Path = option(positional=True, metavar="B.parquet", help="")
        fail_above: float | None = option(None, unit=SHARE, metavar="5%", help="fail if ...")
        out: Path | None = option(None, metavar="COMPARE.html", help="write a page with pictures")
        json: bool = shared.json()


    def run(options: CompareCommand) -> int:
        """Compare two tables; exit code 1 if the second is slower than `--fail-above` allows."""
        from ofabench.workflows.latency.compare import compare  # import heavy modules here

        print(compare(options.first, options.second))
        return 0


    COMMAND = Command(
        name="compare",
        help="compare two latency tables: drift of all blocks, and changes of single blocks",
        description="Exit code 1 if ...",
        options=CompareCommand,
        run=run,
    )

The options of a library function are a dataclass without output options; a command nests it and
adds `--json`, `--progress` and `--out` as fields (`ofabench.cli.derived.command`). Rules about
several options are in `check` of the dataclass, so that they apply to Python too. `Command` adds
`--config`, suggestions for misspelt names, and shell completion. Actions of a command, such as
`table build`, are a `CommandGroup`.
'''
