"""Terms of pages: one meaning here and in docs/reference/glossary.md."""

import re
from pathlib import Path

from ofabench.report.glossary import Explainer, rows

DOCS = Path(__file__).resolve().parents[3] / "docs/reference/glossary.md"


def test_every_meaning_is_that_of_the_documentation() -> None:
    documented = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", DOCS.read_text(), re.MULTILINE))

    assert {name: documented.get(name) for name in rows()} == rows()
    assert len(rows()) > 20


def test_a_term_is_marked_once_in_a_section() -> None:
    explainer = Explainer()
    explainer.begin()
    text = explainer.explain("Drift-corrected rounds: <b>drift</b>, 3 limits met, more drift.")

    marked = re.findall(r'<dfn tabindex="0" data-meaning="([^"]+)">([^<]+)</dfn>', text)
    assert [words for _, words in marked] == ["Drift-corrected", "rounds", "drift", "limits met"]
    assert marked[0][0] == "divided by the estimated drift"
    assert "&lt;b&gt;" in text
    assert text.endswith("more drift.")
    assert set(explainer.used) == {"drift-corrected", "round", "drift", "limit met"}
    explainer.begin()
    assert "<dfn" in explainer.explain("drift")


def test_words_that_only_contain_a_term_are_not_marked() -> None:
    assert Explainer().explain("driftwood, pre-drift, networks-sweep") == (
        "driftwood, pre-drift, networks-sweep"
    )


def test_several_names_of_a_row_have_its_meaning() -> None:
    explainer = Explainer()

    assert explainer.explain("p99 and raw").count("<dfn") == 2
    assert set(explainer.used) == {"p90, p99", "raw, as measured"}
