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
        """Two latency tables, and what is printed of them."""

        first: Path = option(positional=True, metavar="A.parquet", help="")
        second: Path = option(positional=True, metavar="B.parquet", help="")
        fail_above: float | None = option(None, unit=SHARE, metavar="5%", help="fail where ...")
        out: Path | None = option(None, metavar="COMPARE.html", help="write a page with pictures")
        json: bool = shared.json()


    def run(options: CompareCommand) -> int:
        """Compare two tables; 1 where the second is slower than `--fail-above` allows."""
        from ofabench.workflows.latency.compare import compare  # heavy imports belong in here

        print(compare(options.first, options.second))
        return 0


    COMMAND = Command(
        name="compare",
        help="two latency tables: what moved all blocks, and what moved beside it",
        description="Exit code 1 where ...",
        options=CompareCommand,
        run=run,
    )

What a library function takes is a dataclass that knows nothing of output; a command nests it, with
`--json`, `--progress` and `--out` as fields beside it (`ofabench.cli.derived.command`). Rules about
several options are in `check` of the dataclass, so that they hold from Python too. `--config`,
hints at what a misspelt name may have meant, and shell completion come with `Command`. Actions of a
command, as `table build`, are a `CommandGroup`.
'''
