"""Energy in reports: of blocks, and of measured networks with their limits."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.timing.energy import Energy
from ofabench.report.block_latency import _blocks_table
from ofabench.report.names import Names
from ofabench.report.outcome import counts_of, outcome_frame, read_outcome
from ofabench.report.verified import verdict_table
from supernet.verification.energy import JudgedEnergy
from supernet.verification.verdicts import Expected, Verification

NAMES = Names(searches={}, outcomes={}, targets={})
EXPECTED = Expected(limit_ms=2.0)
KNOWN = Energy(
    energy_mj=5.0, low_mj=4.5, high_mj=5.5, with_idle_mj=7.0, idle_w=2.0, source="rapl",
    replicates=3, peak_memory_bytes=1_234_567,
)  # fmt: skip


def verified(energy: JudgedEnergy | None) -> dict[str, Any]:
    """JSON values of a network measured at 1 ms, as `ofabench verify --out` writes them."""
    verification = Verification(expected=EXPECTED, measured=EXPECTED.compare(1.0, (0.9, 1.1)))
    return {
        **verification.to_json(),
        "energy": None if energy is None else energy.to_json(),
        "target": "t",
        "arch": "x",
        "accuracy": None,
        "predicted_accuracy": None,
    }


def test_a_network_shows_its_energy_and_the_verdict_on_it() -> None:
    judged = [
        JudgedEnergy(energy=KNOWN, limit_mj=4.0),
        JudgedEnergy(energy=KNOWN),
        JudgedEnergy(limit_mj=4.0, reason="no sensor"),
        None,
    ]
    outcomes = [read_outcome(Path("v.json"), verified(each)) for each in judged]

    table = verdict_table(outcomes, list("abcd"), NAMES)

    columns = {column.heading: column for column in table.columns}
    assert [columns["energy, mJ"].cell(row).text for row in range(4)] == [
        "5.000",
        "5.000",
        "-",
        "-",
    ]
    assert columns["energy, 95 % interval"].cell(0).text == "4.500 to 5.500"
    assert columns["energy, 95 % interval"].cell(2).text == "-"
    assert columns["energy, with idle power, mJ"].cell(0).text == "7.000"
    assert columns["energy, limit"].cell(0).text == "NOT MET"
    assert columns["energy, limit"].cell(2).text == "-"
    assert columns["peak memory, bytes"].cell(0).text == "1,234,567"
    assert [outcome.failed for outcome in outcomes] == [True, False, False, False]
    assert counts_of(outcomes).startswith("4 of 5 limits met")
    assert outcome_frame(outcomes)["energy, mJ"].tolist() == ["5 limit NOT MET", "5", "-", "-"]


def test_networks_without_energy_have_no_such_columns() -> None:
    outcome = read_outcome(Path("v.json"), verified(None))

    table = verdict_table([outcome], ["a"], NAMES)

    assert not [column.heading for column in table.columns if "energy" in column.heading]


@pytest.mark.parametrize("known", [True, False])
def test_blocks_show_their_energy_where_it_was_measured(known: bool) -> None:
    frame = pd.DataFrame(
        {
            "key": ["a", "b"],
            "macs": [1, 2],
            "latency_ms": [1.0, 2.0],
            "energy_mj": [3.0 if known else np.nan, np.nan],
            "peak_memory_bytes": [1000.0 if known else np.nan, np.nan],
        }
    )

    columns = {column.name: column for column in _blocks_table(frame, 1).columns}

    assert ("energy, mJ" in columns) == known
    assert ("peak memory, bytes" in columns) == known
    if known:
        assert [columns["energy, mJ"].cell(row).text for row in range(2)] == ["3.000", "-"]
        assert columns["peak memory, bytes"].cell(0).text == "1,000"
