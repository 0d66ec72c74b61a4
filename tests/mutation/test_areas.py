"""The lists of `tests/mutation` name existing modules, tests, and lines of modules."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTS = ROOT / "tests" / "mutation"
TESTS: dict[str, list[str]] = tomllib.loads((LISTS / "areas.toml").read_text())["tests"]
EQUIVALENT = tomllib.loads((LISTS / "equivalent.toml").read_text())


@pytest.mark.parametrize("module", TESTS)
def test_each_module_and_its_tests_exist(module: str) -> None:
    assert (ROOT / module).is_file()
    assert TESTS[module]
    assert [name for name in TESTS[module] if not (ROOT / "tests" / f"{name}.py").is_file()] == []


def test_each_equivalent_mutant_names_an_existing_line_and_a_reason() -> None:
    assert set(EQUIVALENT) <= set(TESTS)
    for module, entries in EQUIVALENT.items():
        lines = {line.strip() for line in (ROOT / module).read_text().splitlines()}
        for entry in entries:
            assert entry["line"] in lines, f"{module} has no such line: {entry['line']}"
            assert entry["line"] not in entry["becomes"]
            assert entry["why"]
