"""Cards of the summary, on files whose figures are known."""

import json
from pathlib import Path
from typing import Any

from ofabench.report.assemble import page_of
from ofabench.report.inputs import Inputs, read_inputs
from ofabench.report.page import Card
from tests.support import report_runs as runs

SMALL, LARGE = runs.SPACE.smallest(), runs.SPACE.largest()


def _cards(inputs: Inputs) -> dict[str, Card]:
    return {card.label: card for card in page_of(inputs, "", []).cards}


def _verified(folder: Path, name: str, arch: Any, accuracy: float, figures: dict[str, Any]) -> None:
    data = runs.verified(arch, 0.9) | figures | {
        "accuracy": accuracy, "accuracy_low": accuracy - 0.01, "accuracy_high": accuracy + 0.01,
    }  # fmt: skip
    (folder / f"{name}.verified.json").write_text(json.dumps(data))


def test_verdicts_and_the_best_network_are_on_cards(tmp_path: Path) -> None:
    runs.table(measured="2026-11-28T23:16:27+00:00").save(tmp_path / "blocks.parquet")
    _verified(tmp_path, "a", SMALL, 0.8, runs.verification(0.4, 0.5, 0.41, limit_ms=0.55))
    _verified(tmp_path, "b", SMALL, 0.85, runs.verification(0.5, 0.6, limit_ms=0.55))
    _verified(tmp_path, "c", LARGE, 0.9, runs.verification(1.0, 1.0))

    inputs = read_inputs([tmp_path])
    cards = _cards(inputs)

    assert page_of(inputs, "", []).title == "tiny on fake, 28 November 2026"
    assert cards["Device"].value == "fake"
    limits, within = cards["Limits met"], cards["Predictions within 10 %"]
    assert (limits.value, limits.verdict) == ("1 of 2", False)
    # a: drift-corrected 2.5 % off, raw 25 %; b: 20 % off; c: exact.
    assert (within.value, within.verdict) == ("2 of 3", False)
    assert within.note == "1 drift-corrected; 1 of 3 as measured"
    best = cards["Best network"]  # b is more accurate, and over its limit
    assert best.value == "80.0\u202f% at 0.5 ms"
    speed = cards["Speed against the largest"]
    assert (speed.value, speed.verdict) == ("2.00 times", True)
    assert speed.note == "the largest network takes 1 ms; accuracy \u221210.0 points"


def test_without_measurements_the_best_network_is_predicted(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(runs.result(SMALL, 0.75)))
    runs.predictor().save(tmp_path / "p.parquet")
    archs = [SMALL, LARGE]
    runs.judged(archs).save(tmp_path / "n.parquet")

    cards = _cards(read_inputs([tmp_path]))

    ms = runs.network_ms(SMALL)
    assert cards["Best network"].value == f"75.0\u202f% at {ms:.3g} ms"
    assert "predicted" in cards["Best network"].note
    ratio = runs.network_ms(LARGE) / ms
    assert cards["Speed against the largest"].value == f"{ratio:.2f} times"
    held_out = cards["Held-out networks within 10 %"]
    assert (held_out.value, held_out.verdict) == ("100.0\u202f%", True)  # 2.9 % off, both
    assert "Limits met" not in cards


def test_without_results_there_are_no_cards() -> None:
    page = page_of(Inputs(), "", [])

    assert page.cards == []
    assert page.title.startswith("ofabench report, ")
