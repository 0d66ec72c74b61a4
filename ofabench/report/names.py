"""Names of networks and targets in words, in place of file names and keys."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.protocol.target import Target
from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.table import LatencyTable
from ofabench.report.inputs import Inputs
from ofabench.report.named_spaces import space_named
from ofabench.report.outcome import Outcome
from ofabench.report.searches import Search, SearchedNetwork
from supernet.space.arch import ArchConfig

RUNTIMES = {
    "onnx": "ONNX Runtime",
    "tensorrt": "TensorRT",
    "tflite": "TensorFlow Lite",
    "torch": "PyTorch",
}
SMALLEST, LARGEST = "smallest network", "largest network"
UNITS = {"macs": "MACs", "params": "parameters", "bytes": "bytes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names by file (of searches and of measured networks) and by target's key."""

    searches: Mapping[str, str]
    outcomes: Mapping[str, str]
    targets: Mapping[str, str]

    def target(self, key: str) -> str:
        """Name of a target; the key itself of one that no file describes."""
        return self.targets.get(key) or words_of_key(key)

    def place(self, key: str) -> str:
        """What a heading adds to say which target it is about; empty where there is only one."""
        return f": {self.target(key)}" if len(self.targets) > 1 else ""


def names_of(inputs: Inputs) -> Names:
    """Name everything that was given; names of different networks differ."""
    searches = {file: _of_search(search) for file, search in inputs.searches.items()}
    by_arch = {
        _identity(search.networks[0].space, search.networks[0].arch): searches[file]
        for file, search in inputs.searches.items()
        if not search.front
    }
    outcomes = {file: _of_outcome(each, by_arch) for file, each in inputs.outcomes.items()}
    archs = {
        file: _identity(each.space, each.config) if each.config else file
        for file, each in inputs.outcomes.items()
    }
    return Names(
        searches=_distinct(searches, dict(zip(searches, searches, strict=True))),
        outcomes=_distinct(outcomes, archs),
        targets=target_names(inputs),
    )


def target_names(inputs: Inputs) -> dict[str, str]:
    """Names of all targets that tables and predictors are of, by key."""
    described: dict[str, tuple[Target, Mapping[str, Any]]] = {}
    sources: list[LatencyTable | LatencyPredictor] = [*inputs.tables.values()]
    for source in [*sources, *inputs.predictors.values()]:
        described.setdefault(source.target.key, (source.target, _facts(source.provenance)))
    for networks in inputs.networks.values():
        for target in networks.targets.values():
            described.setdefault(target.key, (target, _facts(networks.provenance)))
    words = {key: target_words(target, facts) for key, (target, facts) in described.items()}
    return {key: f"{name} ({key})" if _shared(name, words) else name for key, name in words.items()}


def target_words(target: Target, facts: Mapping[str, Any] | None = None) -> str:
    """A target in words: device, runtime, and what differs most often between two."""
    return ", ".join([device_words(target, facts or {}), runtime_words(target)])


def device_words(target: Target, facts: Mapping[str, Any]) -> str:
    """The device as its facts spell it, else as the target does."""
    spelt = (value for value in facts.values() if isinstance(value, str))
    return next((value for value in spelt if _slug(value) == target.device), target.device)


def runtime_words(target: Target) -> str:
    """Runtime, version, threads; batch and precision where they are not 1 and fp32."""
    threads = "1 thread" if target.threads == 1 else f"{target.threads} threads"
    runtime = f"{RUNTIMES.get(target.backend, target.backend)} {target.backend_version}"
    more = [f"batch {target.batch}"] if target.batch != 1 else []
    more += [target.precision] if target.precision != "fp32" else []
    return ", ".join([runtime, threads, *more])


def words_of_key(key: str) -> str:
    """A target of which only the key is known, in words; the key itself where it is none."""
    match = re.fullmatch(
        r"(?P<device>[^/]+)/(?P<backend>[^/-]+)-(?P<version>[^/]+)/(?P<precision>\w+)"
        r"/t(?P<threads>\d+)/c[^/]+/b(?P<batch>\d+)(/.*)?",
        key,
    )
    if match is None:
        return key
    target = Target(
        device=match["device"],
        backend=match["backend"],
        backend_version=match["version"],
        precision=match["precision"],
        threads=max(1, int(match["threads"])),
        batch=max(1, int(match["batch"])),
    )
    return target_words(target)


def limit_words(limits: Mapping[str, float], units: Mapping[str, str]) -> str:
    """Limits in words: `within 0.21 ms and 1.5e+06 MACs`; empty without limits."""
    parts = []
    for name, limit in limits.items():
        unit = units.get(name, "ms") or UNITS.get(name, name)
        parts.append(f"{limit:.3g} {unit}")
    return f"within {' and '.join(dict.fromkeys(parts))}" if parts else ""


def _of_search(search: Search) -> str:
    if search.front:
        return "Pareto front"
    network: SearchedNetwork = search.networks[0]
    return limit_words(network.limits, network.units) or "most accurate network"


def _of_outcome(outcome: Outcome, by_arch: Mapping[str, str]) -> str:
    """By its limit, else by its place in its space, else by the search that chose it."""
    if outcome.limit_ms is not None:
        return limit_words({"": outcome.limit_ms}, {})
    arch, space = outcome.config, space_named(outcome.space)
    if arch is not None and space is not None:
        for extreme, name in ((space.smallest(), SMALLEST), (space.largest(), LARGEST)):
            if arch == extreme:
                return name
    chosen = None if arch is None else by_arch.get(_identity(outcome.space, arch))
    return chosen or _stem_words(outcome.name)


def _identity(space: str | None, arch: ArchConfig) -> str:
    return f"{space}: {arch.to_json()}"


def _stem_words(name: str) -> str:
    return re.sub(r"[-_]+", " ", re.sub(r"\.(json|onnx|tflite|pt)$", "", name))


def _distinct(names: Mapping[str, str], identities: Mapping[str, str]) -> dict[str, str]:
    """Add the file's name where networks that differ would have the same name."""
    owners: dict[str, set[str]] = {}
    for file, name in names.items():
        owners.setdefault(name, set()).add(identities[file])
    return {
        file: f"{name} ({_stem_words(file)})" if len(owners[name]) > 1 else name
        for file, name in names.items()
    }


def _shared(name: str, words: Mapping[str, str]) -> bool:
    return Counter(words.values())[name] > 1


def _facts(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    facts = provenance.get("facts")
    return facts if isinstance(facts, dict) else {}


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


def joined(names: Iterable[str]) -> str:
    """A list in words: `a, b and c`."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
