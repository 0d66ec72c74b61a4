"""Commands with everything, each in a module as those of the product are."""

from ofabench.cli.derived.command_entry import Entry

TABLE = {
    "sweep": Entry("tests.support.command_examples.sweep", "measure blocks: [all] of 100%"),
    "table": Entry("tests.support.command_examples.table", "latency tables"),
}
