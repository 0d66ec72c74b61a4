"""The summary of a report: its title, and the figures that a reader wants first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from latency_models.predictors.predictor import LatencyPredictor
from latency_models.tables.table import LatencyTable
from ofabench.report.held_out import HeldOut
from ofabench.report.inputs import Inputs
from ofabench.report.named_spaces import space_named
from ofabench.report.names import Names, device_words, joined, runtime_words
from ofabench.report.outcome import Counts
from ofabench.report.page import Card
from ofabench.report.tables import percent

MET_SHARE = 0.9  # of held-out networks within 10 %: below, the card is red


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The most accurate network, within its limit where any is; `measured`, or else predicted."""

    name: str
    accuracy: float
    ms: float
    measured: bool
    target: str
    space: str | None
    limit_met: bool | None = None


def page_title(inputs: Inputs, names: Names, made: str) -> str:
    """Space, device and date, as far as the files say."""
    spaces, devices = _spaces(inputs), _devices(inputs, names)
    date = _in_words(max(_dates(inputs), default=made))
    subject = joined(spaces) if spaces else "ofabench report"
    place = f" on {joined(devices)}" if devices else ""
    return f"{subject}{place}, {date}"


def summary_cards(inputs: Inputs, names: Names, held_out: Mapping[str, HeldOut]) -> list[Card]:
    """Cards, each only where its figures are known."""
    return [
        *_device_card(inputs, names),
        *_verdict_cards(inputs),
        *_held_out_card(held_out, inputs),
        *_best_cards(inputs, names),
    ]


def _device_card(inputs: Inputs, names: Names) -> Iterator[Card]:
    devices = _devices(inputs, names)
    if not devices:
        return
    targets = _targets(inputs)
    note = runtime_words(targets[0].target) if len(targets) == 1 else ""
    if len(targets) > 1:
        note = f"{len(targets)} targets"
    yield Card(label="Device" if len(devices) == 1 else "Devices", value=joined(devices), note=note)


def _verdict_cards(inputs: Inputs) -> Iterator[Card]:
    counts = Counts.of([*inputs.outcomes.values()])
    if counts.limits:
        yield Card(
            label="Limits met",
            value=f"{counts.limits_met} of {counts.limits}",
            note="as measured, raw",
            verdict=counts.limits_met == counts.limits,
        )
    if counts.predictions:
        yield Card(
            label=f"Predictions within {counts.tolerance}",
            value=f"{counts.within} of {counts.predictions}",
            note=counts.corrections if counts.corrected else "as measured",
            verdict=counts.within == counts.predictions,
        )


def _held_out_card(held_out: Mapping[str, HeldOut], inputs: Inputs) -> Iterator[Card]:
    if not held_out:
        return
    best = next(iter(held_out.values()))
    share = best.raw.within_10 if best.corrected is None else best.corrected.within_10
    kind = "as measured" if best.corrected is None else "drift-corrected"
    if best.corrected is not None:
        kind += f"; {percent(best.raw.within_10)} as measured"
    yield Card(
        label="Held-out networks within 10 %",
        value=percent(share),
        note=f"of {best.raw.n} networks, {kind}",
        verdict=share >= MET_SHARE,
    )


def _best_cards(inputs: Inputs, names: Names) -> Iterator[Card]:
    best = _best_measured(inputs, names) or _best_searched(inputs, names)
    if best is None:
        return
    how = "measured on test images" if best.measured else "predicted, validation images"
    missed = best.limit_met is False
    yield Card(
        label="Best network",
        value=f"{percent(best.accuracy)} at {best.ms:.3g} ms",
        note=f"{best.name}, {how}{', limit not met' if missed else ''}",
        verdict=False if missed else None,
    )
    largest = _largest(inputs, best)
    if largest is not None:
        ms, accuracy, measured = largest
        ratio = ms / best.ms
        note = f"the largest network takes {ms:.3g} ms"
        if not measured:
            note += " (predicted)"
        elif accuracy is not None and best.measured:
            points = 100 * (best.accuracy - accuracy)
            note += f"; accuracy {points:+.1f} points".replace("-", "\u2212")
        yield Card(
            label="Speed against the largest",
            value=f"{ratio:.2f} times",
            note=note,
            verdict=ratio >= 1,
        )


def _best_measured(inputs: Inputs, names: Names) -> Best | None:
    """The most accurate measured network that meets its limit; without limits, of all."""
    judged = {f: each for f, each in inputs.outcomes.items() if each.accuracy is not None}
    limited = {f: each for f, each in judged.items() if each.verification.limit_met}
    candidates = limited or judged
    if not candidates:
        return None
    file = max(candidates, key=lambda name: candidates[name].accuracy or 0.0)
    outcome = candidates[file]
    return Best(
        name=names.outcomes[file],
        accuracy=outcome.accuracy or 0.0,
        ms=outcome.measured_ms,
        measured=True,
        target=outcome.target,
        space=outcome.space,
        limit_met=outcome.verification.limit_met,
    )


def _best_searched(inputs: Inputs, names: Names) -> Best | None:
    networks = [
        (names.searches[file], network)
        for file, search in inputs.searches.items()
        for network in search.networks
        if network.latencies()
    ]
    if not networks:
        return None
    name, network = max(networks, key=lambda pair: pair[1].accuracy)
    target, ms = next(iter(network.latencies().items()))
    return Best(
        name=name,
        accuracy=network.accuracy,
        ms=ms,
        measured=False,
        target=target,
        space=network.space,
    )


def _largest(inputs: Inputs, best: Best) -> tuple[float, float | None, bool] | None:
    """Latency and accuracy of the largest network on the same target, measured or predicted.

    It is measured where `best` is, and predicted where that is: the two are never mixed.
    """
    if best.measured:
        for outcome in inputs.outcomes.values():
            space = space_named(outcome.space)
            if space and outcome.config == space.largest() and outcome.target == best.target:
                return outcome.measured_ms, outcome.accuracy, True
        return None
    predictor = inputs.predictors_by_target().get(best.target)
    space = space_named(best.space)
    if predictor is None or space is None:
        return None
    (ms,) = predictor.predict_many([space.blocks(space.largest())]).tolist()
    return (ms, None, False) if ms > 0 else None


def _targets(inputs: Inputs) -> list[LatencyTable | LatencyPredictor]:
    tables = [*inputs.tables_by_target().values()]
    keys = {table.target.key for table in tables}
    others = inputs.predictors_by_target()
    return [*tables, *(each for key, each in others.items() if key not in keys)]


def _devices(inputs: Inputs, names: Names) -> list[str]:
    """Devices in words, each once."""
    devices = [device_words(each.target, _facts(each)) for each in _targets(inputs)]
    if not devices:
        keys = [outcome.target for outcome in inputs.outcomes.values() if outcome.target]
        devices = [names.target(key).split(",")[0] for key in keys]
    return list(dict.fromkeys(devices))


def _facts(source: LatencyTable | LatencyPredictor) -> Mapping[str, Any]:
    facts = source.provenance.get("facts")
    return facts if isinstance(facts, dict) else {}


def _spaces(inputs: Inputs) -> list[str]:
    """Names of the spaces that files are of, each once."""
    named = [table.provenance.get("space") for table in inputs.tables.values()]
    named += [networks.space for networks in inputs.networks.values()]
    named += [predictor.provenance.get("space") for predictor in inputs.predictors.values()]
    named += [network.space for search in inputs.searches.values() for network in search.networks]
    named += [outcome.space for outcome in inputs.outcomes.values()]
    return list(dict.fromkeys(str(name) for name in named if name))


def _in_words(date: str) -> str:
    """`2026-11-28T...` as `28 November 2026`; as it is where it is no date."""
    try:
        day = datetime.fromisoformat(date)
    except ValueError:
        return date
    return f"{day.day} {day.strftime('%B %Y')}"


def _dates(inputs: Inputs) -> Iterator[str]:
    """Dates of measuring, `YYYY-MM-DD` and on."""
    provenances = [table.provenance for table in inputs.tables.values()]
    provenances += [networks.provenance for networks in inputs.networks.values()]
    for provenance in provenances:
        measured = provenance.get("measured")
        if isinstance(measured, str) and measured:
            yield measured
