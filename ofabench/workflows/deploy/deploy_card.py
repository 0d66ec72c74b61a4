"""Card of a deployment as JSON values: the file, its figures and its origin."""

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

NO_VERIFY = "not requested (--no-verify)"
ELSEWHERE = "of another device: predicted only"


@dataclass(frozen=True, kw_only=True)
class DeploymentResults:
    """Results of a deployment: accuracy on test images, and verdicts by target."""

    score: "Score | None"
    data: str
    no_accuracy_reason: str
    verdicts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unverified: str = ELSEWHERE


def card_json(
    card: "ModelCard",
    file: str,
    inputs: DeploymentInputs,
    results: DeploymentResults,
    request: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the whole card; `page_of` writes the page from it alone."""
    from latency_models.tables.storage import origin
    from ofabench.workflows.deploy.verification_text import accuracy_json

    return {
        "format": FORMAT,
        "made": origin(),
        "model": {"file": file, **card.to_json()},
        "accuracy": {
            **accuracy_json(results.score, inputs.predicted_accuracy),
            "data": results.data,
            "not_measured": results.no_accuracy_reason,
        },
        "latency": [
            latency_json(card, predictor, inputs, results) for predictor in _predictors(inputs)
        ],
        "limits": limits_json(card, inputs, results),
        "peak_memory_bytes": _peak_bytes(inputs.search),
        "search": None
        if inputs.search is None
        else {key: value for key, value in inputs.search.items() if key != "history"},
        "sources": sources_json(card, inputs),
        "request": dict(request),
    }


def _predictors(inputs: DeploymentInputs) -> "list[LatencyPredictor]":
    return [source.predictor for source in inputs.latencies]


def latency_json(
    card: "ModelCard",
    predictor: "LatencyPredictor",
    inputs: DeploymentInputs,
    results: DeploymentResults,
) -> dict[str, Any]:
    """Return one target's row: the prediction (for the target's precision) and the measurement."""
    key = predictor.target.key
    prediction = predictor.predict(card.blocks)
    measured = results.verdicts.get(key)
    bounds = {} if inputs.search is None else inputs.search.get("bounds") or {}
    return {
        "target": key,
        "predicted_ms": prediction.ms,
        "statistic": predictor.statistic,
        "std_ms": prediction.std_ms,
        "bound_ms": bounds.get(key),
        "limit_ms": inputs.limits.get(key),
        "unmeasured": [block.key for block in prediction.unmeasured],
        "extrapolated": [block.key for block in prediction.extrapolated],
        "verification": measured,
        "not_measured": "" if measured is not None else _why_not(card, predictor, results),
        "verdict": "" if measured is None else verdict_of(measured),
    }


def limits_json(
    card: "ModelCard", inputs: DeploymentInputs, results: DeploymentResults
) -> list[dict[str, Any]]:
    """Return the search's other limits, with predictions and with the file's values if known."""
    search, targets = (
        inputs.search or {},
        {predictor.target.key for predictor in _predictors(inputs)},
    )
    counted = {
        "macs": card.macs,
        "params": card.params,
        "model size": card.size_bytes,
        **_energies(results),
    }
    rows = []
    for name, limit in inputs.limits.items():
        if name in targets:
            continue
        actual = counted.get(name)
        rows.append(
            {
                "name": name,
                "unit": (search.get("units") or {}).get(name, ""),
                "predicted": search["predictions"].get(name),
                "limit": limit,
                "actual": actual,
                "met": None if actual is None else actual <= limit,
            }
        )
    return rows


def _energies(results: DeploymentResults) -> dict[str, float]:
    """Return the measured energies in mJ by the names of their limits."""
    from latency_models.predictors.energy import energy_key

    return {
        energy_key(key): verdict["energy"]["energy_mj"]
        for key, verdict in results.verdicts.items()
        if (verdict.get("energy") or {}).get("energy_mj") is not None
    }


def verdict_of(verification: Mapping[str, Any]) -> str:
    """Return the two verdicts in words: on the prediction, and on the limit."""
    words = []
    within = verification["prediction_within_tolerance"]
    if within is None:
        words.append(f"measured as {verification['precision']}, predicted for another precision")
    else:
        words.append(f"prediction {'' if within else 'NOT '}within tolerance")
    if verification["limit_met"] is not None:
        words.append("limit met" if verification["limit_met"] else "limit NOT MET")
    return ", ".join(words)


def _why_not(card: "ModelCard", predictor: "LatencyPredictor", results: DeploymentResults) -> str:
    from supernet.verification.verify import comparable

    reason = results.unverified
    if not comparable(card.precision, predictor.target):
        reason += f"; predicted for {predictor.target.precision}, this file is {card.precision}"
    return reason


def sources_json(card: "ModelCard", inputs: DeploymentInputs) -> list[dict[str, Any]]:
    """Return every input file with its digest and its provenance."""
    sources = [_source("weights", inputs.weights, card.space, card.provenance)]
    if inputs.search_path is not None:
        provenance = {} if inputs.search is None else inputs.search.get("provenance") or {}
        sources.append(_source("search", inputs.search_path, card.space, provenance))
        sources += _search_sources(provenance)
    for source in inputs.latencies:
        assert source.file is not None
        sources.append(
            _source("latency predictor", source.file, source.key, source.predictor.provenance)
        )
    return sources


def _search_sources(provenance: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The predictors of accuracy and energy that the search's result names."""
    energies = provenance.get("energy") or []
    named = [("accuracy predictor", provenance.get("accuracy"))]
    named += [("energy predictor", energy) for energy in energies]
    return [
        {
            "what": what,
            "file": source["file"],
            "of": source.get("target", "-"),
            "sha256": source.get("sha256", ""),
            "provenance": source.get("provenance") or {},
        }
        for what, source in named
        if isinstance(source, dict) and "file" in source
    ]


def _source(kind: str, path: Path, of: str, provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "what": kind,
        "file": path.name,
        "of": of,
        "sha256": file_digest(path),
        "provenance": dict(provenance),
    }


def _peak_bytes(search: Mapping[str, Any] | None) -> float | None:
    """The search's prediction of peak memory, if it had that limit."""
    if search is None:
        return None
    names = [name for name in search["predictions"] if "memory" in name]
    return float(search["predictions"][names[0]]) if names else None
