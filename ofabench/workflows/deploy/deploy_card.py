"""The card of a deployment as JSON values: everything known of the file and its origin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.digests import file_digest
from ofabench.workflows.deploy.deploy_folder import FORMAT
from ofabench.workflows.deploy.deployment_inputs import DeploymentInputs

if TYPE_CHECKING:
    from latency_models.predictors.predictor import LatencyPredictor
    from supernet.data.dataset import Score
    from supernet.export.model_card import ModelCard

NO_VERIFY = "not asked (--no-verify)"
ELSEWHERE = "of another device: predicted only"


@dataclass(frozen=True, kw_only=True)
class DeploymentResults:
    """What was found out: accuracy on test images, and verdicts by their predictors' targets."""

    score: "Score | None"
    data: str
    unjudged: str
    verdicts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unverified: str = ELSEWHERE


def card_json(
    card: "ModelCard",
    file: str,
    given: DeploymentInputs,
    found: DeploymentResults,
    request: Mapping[str, Any],
) -> dict[str, Any]:
    """All of it; `page_of` makes the page of nothing else."""
    from latency_models.tables.storage import origin
    from ofabench.workflows.deploy.verification_text import accuracy_json

    return {
        "format": FORMAT,
        "made": origin(),
        "model": {"file": file, **card.to_json()},
        "accuracy": {
            **accuracy_json(found.score, given.predicted_accuracy),
            "data": found.data,
            "not_measured": found.unjudged,
        },
        "latency": [latency_json(card, one, given, found) for one in _predictors(given)],
        "limits": limits_json(card, given),
        "peak_memory_bytes": _peak_bytes(given.search),
        "search": None
        if given.search is None
        else {key: value for key, value in given.search.items() if key != "history"},
        "sources": sources_json(card, given),
        "request": dict(request),
    }


def _predictors(given: DeploymentInputs) -> "list[LatencyPredictor]":
    return [source.predictor for source in given.latencies]


def latency_json(
    card: "ModelCard",
    predictor: "LatencyPredictor",
    given: DeploymentInputs,
    found: DeploymentResults,
) -> dict[str, Any]:
    """One target's line: what was predicted of it (for its own precision), and measured."""
    key = predictor.target.key
    prediction = predictor.predict(card.blocks)
    measured = found.verdicts.get(key)
    bounds = {} if given.search is None else given.search.get("bounds") or {}
    return {
        "target": key,
        "predicted_ms": prediction.ms,
        "statistic": predictor.statistic,
        "std_ms": prediction.std_ms,
        "bound_ms": bounds.get(key),
        "limit_ms": given.limits.get(key),
        "unmeasured": [one.key for one in prediction.unmeasured],
        "extrapolated": [one.key for one in prediction.extrapolated],
        "verification": measured,
        "not_measured": "" if measured is not None else _why_not(card, predictor, found),
        "verdict": "" if measured is None else verdict_of(measured),
    }


def limits_json(card: "ModelCard", given: DeploymentInputs) -> list[dict[str, Any]]:
    """The search's other limits: what it predicted, and what the file has where that is counted."""
    search, targets = given.search or {}, {one.target.key for one in _predictors(given)}
    counted = {"macs": card.macs, "params": card.params, "model size": card.size_bytes}
    found = []
    for name, limit in given.limits.items():
        if name in targets:
            continue
        actual = counted.get(name)
        found.append(
            {
                "name": name,
                "unit": (search.get("units") or {}).get(name, ""),
                "predicted": search["predictions"].get(name),
                "limit": limit,
                "actual": actual,
                "met": None if actual is None else actual <= limit,
            }
        )
    return found


def verdict_of(verification: Mapping[str, Any]) -> str:
    """In a few words, the two deciding verdicts: on the prediction, and on the limit."""
    words = []
    within = verification["prediction_within_tolerance"]
    if within is None:
        words.append(f"measured as {verification['precision']}, predicted for another precision")
    else:
        words.append(f"prediction {'' if within else 'NOT '}within tolerance")
    if verification["limit_met"] is not None:
        words.append("limit met" if verification["limit_met"] else "limit NOT MET")
    return ", ".join(words)


def _why_not(card: "ModelCard", predictor: "LatencyPredictor", found: DeploymentResults) -> str:
    from supernet.verification.verify import comparable

    why = found.unverified
    if not comparable(card.precision, predictor.target):
        why += f"; predicted for {predictor.target.precision}, this file is {card.precision}"
    return why


def sources_json(card: "ModelCard", given: DeploymentInputs) -> list[dict[str, Any]]:
    """Every file that went into it, with its sum and all that it says of itself."""
    found = [_source("weights", given.weights, card.space, card.provenance)]
    if given.search_path is not None:
        told = {} if given.search is None else given.search.get("provenance") or {}
        found.append(_source("search", given.search_path, card.space, told))
        for one in _search_sources(told):
            found.append(one)
    for source in given.latencies:
        assert source.file is not None
        found.append(
            _source("latency predictor", source.file, source.key, source.predictor.provenance)
        )
    return found


def _search_sources(told: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """What the search was made with, as far as its result says."""
    accuracy = told.get("accuracy")
    if not isinstance(accuracy, dict) or "file" not in accuracy:
        return []
    return [
        {
            "what": "accuracy predictor",
            "file": accuracy["file"],
            "of": "-",
            "sha256": accuracy.get("sha256", ""),
            "provenance": accuracy.get("provenance") or {},
        }
    ]


def _source(what: str, path: Path, of: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "what": what,
        "file": path.name,
        "of": of,
        "sha256": file_digest(path),
        "provenance": dict(provenance),
    }


def _peak_bytes(search: Mapping[str, Any] | None) -> float | None:
    """The search's figure for peak memory, where it had one."""
    if search is None:
        return None
    names = [name for name in search["predictions"] if "memory" in name]
    return float(search["predictions"][names[0]]) if names else None
