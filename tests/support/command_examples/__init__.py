"""Example commands with all kinds of options, each in a module like the product's."""

from ofabench.cli.derived.command_entry import Entry

TABLE = {
    "sweep": Entry("tests.support.command_examples.sweep", "measure blocks: [all] of 100%"),
    "table": Entry("tests.support.command_examples.table", "latency tables"),
}
