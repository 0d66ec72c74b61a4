"""Names in words: networks by their limits and places, targets by their devices."""

from dataclasses import replace
from pathlib import Path

from bench.protocol.target import Target
from ofabench.report.inputs import Inputs
from ofabench.report.names import names_of, target_words, words_of_key
from ofabench.report.outcome import Outcome, read_outcome
from ofabench.report.searches import Search, read_search
from supernet.space.arch import ArchConfig
from tests.support import report_runs as runs


def _search(limit_ms: float | None, arch: ArchConfig | None = None) -> Search:
    limits = {} if limit_ms is None else {runs.FAKE.key: limit_ms}
    data = runs.result(arch or runs.SPACE.smallest(), 0.7, limits=limits)
    return read_search(Path("s.json"), data)


def _outcome(arch: ArchConfig, name: str, limit_ms: float | None = None) -> Outcome:
    data = runs.verified(arch, 0.7) | runs.verification(0.4, 0.4, limit_ms=limit_ms)
    return read_outcome(Path(f"{name}.verified.json"), data)


def test_networks_are_named_by_their_limits() -> None:
    inputs = Inputs(
        searches={"limit-1.json": _search(0.2097), "free.json": _search(None)},
        outcomes={
            "a": _outcome(runs.SPACE.smallest(), "small"),
            "b": _outcome(runs.SPACE.largest(), "large"),
            "c": _outcome(runs.SPACE.smallest(), "limit-1", limit_ms=0.2097),
        },
    )
    names = names_of(inputs)

    assert names.searches == {
        "limit-1.json": "within 0.21 ms",
        "free.json": "most accurate network",
    }
    assert names.outcomes == {"a": "smallest network", "b": "largest network",
                              "c": "within 0.21 ms"}  # fmt: skip


def test_different_networks_never_share_a_name() -> None:
    other = runs.SPACE.largest()
    inputs = Inputs(searches={"a-1.json": _search(0.2), "b-1.json": _search(0.2, other)})

    assert [*names_of(inputs).searches.values()] == ["within 0.2 ms (a 1)", "within 0.2 ms (b 1)"]


def test_a_measured_network_without_a_limit_has_the_name_of_its_search() -> None:
    arch = runs.SPACE.from_frame(runs.judged([runs.SPACE.largest()]).frame)[0]
    between = replace(arch, resolution=28)
    inputs = Inputs(
        searches={"s.json": _search(0.3, between)},
        outcomes={"m": _outcome(between, "m"), "n": _outcome(replace(arch, resolution=24), "x-y")},
    )

    assert names_of(inputs).outcomes == {"m": "within 0.3 ms", "n": "x y"}


def test_targets_are_named_by_device_and_runtime() -> None:
    target = Target(
        device="amd-epyc", backend="onnx", backend_version="1.32.0", threads=2, precision="int8",
        batch=8, cores="0",
    )  # fmt: skip
    words = "ONNX Runtime 1.32.0, 2 threads, batch 8, int8"

    assert target_words(target, {"cpu_model": "AMD EPYC", "n": 3}) == f"AMD EPYC, {words}"
    assert target_words(target) == words_of_key(target.key) == f"amd-epyc, {words}"
    assert words_of_key("no key") == "no key"


def test_a_heading_names_its_target_only_among_several() -> None:
    both = [runs.table(), runs.table(runs.PHONE)]
    alone = names_of(Inputs(tables={"a": both[0]}))
    several = names_of(Inputs(tables={"a": both[0], "b": both[1]}))

    assert alone.place(runs.FAKE.key) == ""
    assert several.place(runs.PHONE.key) == ": note8, TensorFlow Lite 2.14, 4 threads"


def test_targets_that_differ_in_options_only_keep_their_keys() -> None:
    cold = replace(runs.FAKE, options=(("cache", "cold"),))
    names = names_of(Inputs(tables={"a": runs.table(), "b": runs.table(cold)}))

    assert names.target(cold.key) == f"fake, fake 1, 1 thread ({cold.key})"
