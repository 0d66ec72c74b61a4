"""The card of a deployment as Markdown, made of the card's JSON values alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.blocks.spec import BlockSpec
from bench.timing.session_drift import drift_in_words
from bench.timing.tail import Tail
from ofabench.workflows.deploy.deploy_sample import snippet
from ofabench.workflows.deploy.markdown import escaped, verbatim
from ofabench.workflows.deploy.verification_text import FIGURES, figure_verdicts, of_statistic
from supernet.data.class_names import LABELS
from supernet.data.wilson import share_in_words
from supernet.export.model_card import Accuracies

Card = Mapping[str, Any]
_LISTED = 100  # names of classes; a file beside the page holds all


def page_of(card: Card) -> str:
    """Write the Markdown."""
    model = card["model"]
    parts = [
        [f"# {model['file']}", *_summary(card)],
        ["## Accuracy", *_accuracy(card)],
        ["## Latency", *_latency(card)],
        *([["## Other limits", *_limits(card)]] if card["limits"] else []),
        ["## How to run it", *_running(model)],
        *([["## Classes", *_classes(model)]] if model["class_names"] else []),
        ["## Architecture", *_architecture(model)],
        ["## Where it comes from", *_sources(card)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _summary(card: Card) -> Iterator[str]:
    model = card["model"]
    yield ""
    space = verbatim(model["space"])
    yield f"A network of the space {space} as {model['backend']}, {model['precision']}."
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield f"| multiply-accumulates | {model['macs']:,} |"
    yield f"| parameters | {model['params']:,} |"
    yield f"| file | {model['size_bytes']:,} bytes |"
    if card["peak_memory_bytes"] is not None:
        yield f"| peak of activations, predicted | {card['peak_memory_bytes']:,.0f} bytes |"
    yield f"| SHA-256 | `{model['sha256']}` |"
    yield f"| made | {card['made']['date']} by ofabench {card['made']['code_version']} |"


def _accuracy(card: Card) -> Iterator[str]:
    found, predicted = card["accuracy"], card["accuracy"]["predicted_accuracy"]
    yield ""
    if found["accuracy"] is None:
        yield f"Not measured: {escaped(found['not_measured'])}."
    else:
        yield (
            f"**{found['accuracy']:.2%}** of {found['accuracy_images']} test images of "
            f"{verbatim(found['data'])}, by this file itself (95 % interval "
            f"{100 * found['accuracy_low']:.2f} to {100 * found['accuracy_high']:.2f} %)."
        )
    if predicted is not None:
        yield f"The search predicted {predicted:.2%} of validation images."
    pair = card["model"]["accuracies"]
    if pair is not None:
        both = Accuracies(**pair)
        yield (
            f"On {both.images} {both.part} images: "
            f"{share_in_words(both.before, both.before_interval)} by the float32 network in torch, "
            f"{share_in_words(both.after, both.after_interval)} by this file."
        )
    close = card["model"]["closeness"]
    ratio = "" if close["snr_db"] is None else f", signal to noise {close['snr_db']:.1f} dB"
    yield (
        f"Its outputs differ from torch's by {close['largest']:.2g} of the largest at most{ratio}; "
        f"the same class for {close['agreement']:.1%} ({close['images']} "
        f"{escaped(close['of'])})."
    )
    calibration = card["model"]["calibration"]
    if calibration is not None:
        images, data = calibration["images"], calibration["data"]
        yield (
            f"Quantised after training, calibrated on {images} training images of {verbatim(data)}."
        )


def _latency(card: Card) -> Iterator[str]:
    if not card["latency"]:
        yield ""
        yield "No predictor was given."
        return
    yield ""
    yield "| target | predicted, ms | limit, ms | measured, ms | drift-corrected, ms |"
    yield "| --- | --- | --- | --- | --- |"
    for one in card["latency"]:
        predicted = f"{one['predicted_ms']:.4g} ± {one['std_ms']:.2g}{of_statistic(one)}"
        confidence = (card["search"] or {}).get("confidence")
        if one["bound_ms"] is not None:
            sure = "with its margin" if confidence is None else f"with {confidence:.4g} confidence"
            predicted += f" (at most {one['bound_ms']:.4g} {sure})"
        limit = "-" if one["limit_ms"] is None else f"{one['limit_ms']:g}"
        figures = [_figure(one, name) for name in FIGURES]
        yield f"| {one['target']} | {predicted} | {limit} | {' | '.join(figures)} |"
    yield ""
    yield (
        "± is one standard deviation of the prediction; in brackets the 95 % interval of the "
        "measurement. The limit is judged by the latency as measured, the prediction by the "
        "drift-corrected one where there is one. What was not measured is only predicted."
    )
    for one in card["latency"]:
        if one["verification"] is not None and one["verification"]["drift"] is not None:
            yield f"Drift on {one['target']}: {drift_in_words(one['verification']['drift'])}."
    for one in card["latency"]:
        tail = (one["verification"] or {}).get("tail")
        if tail is not None:
            median = f"median {one['verification']['median_ms']:.4g} ms"
            yield f"Samples on {one['target']}: {median}, {Tail.from_json(tail).in_words}."


def _figure(one: Mapping[str, Any], name: str) -> str:
    """One latency with its interval and its verdicts; why there is none."""
    verification = one["verification"]
    if verification is None:
        return f"- ({one['not_measured']})" if name == "measured" else "-"
    figure = verification[name]
    if figure is None:
        return "-"
    text = f"{figure['ms']:.4g} ({figure['low_ms']:.4g} to {figure['high_ms']:.4g})"
    verdicts = figure_verdicts(figure, verification["tolerance"])
    return f"{text}: {verdicts}" if verdicts else text


def _limits(card: Card) -> Iterator[str]:
    yield ""
    yield "| of the search | predicted | limit | of this file | |"
    yield "| --- | --- | --- | --- | --- |"
    for one in card["limits"]:
        told = {None: "predicted only", True: "met", False: "NOT MET"}[one["met"]]
        figures = [
            "-" if one[key] is None else f"{amount(one[key])} {one['unit']}".rstrip()
            for key in ("predicted", "limit", "actual")
        ]
        yield f"| {one['name']} | {' | '.join(figures)} | {told} |"


def amount(value: float) -> str:
    """Write a figure: a whole number in full, another one to six digits."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"


def _running(model: Mapping[str, Any]) -> Iterator[str]:
    batch, channels, size, _ = model["input_shape"]
    order = (batch, channels, size, size)
    if model["backend"] == "tflite":
        order = (batch, size, size, channels)
    yield ""
    yield f"It takes float32 images of shape {order} and gives {model['classes']} logits."
    yield (
        f"An image is its middle square at {size} x {size} pixels, then by channel "
        f"(byte - mean) / std with mean {model['normalisation']['mean']} and std "
        f"{model['normalisation']['std']}."
    )
    yield ""
    yield "```python"
    yield snippet(model).rstrip()
    yield "```"


def _architecture(model: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "| block | input | hidden | output | kernel | stride | activation | SE | MACs |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for key in model["blocks"]:
        one = BlockSpec.parse(key)
        yield (
            f"| {one.kind} | {one.in_size} x {one.in_size} x {one.in_channels} | "
            f"{one.mid_channels or '-'} | {one.out_channels} | {one.kernel} | {one.stride} | "
            f"{one.act} | {one.se or '-'} | {one.macs:,} |"
        )


def _classes(model: Mapping[str, Any]) -> Iterator[str]:
    names = model["class_names"]
    yield ""
    yield f"Names of its {len(names)} outputs, in order; `{LABELS}` has one a line."
    yield ""
    yield "| output | class |"
    yield "| --- | --- |"
    for number, name in enumerate(names[:_LISTED]):
        yield f"| {number} | {verbatim(name)} |"
    if len(names) > _LISTED:
        yield f"| ... | and {len(names) - _LISTED} more |"


def _sources(card: Card) -> Iterator[str]:
    yield ""
    yield "| what | file | of | date | ofabench | SHA-256 |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for one in card["sources"]:
        told = one["provenance"]
        yield (
            f"| {one['what']} | {verbatim(one['file'])} | {escaped(one['of'])} | "
            f"{told.get('date', '-')} | {told.get('code_version', '-')} | `{one['sha256']}` |"
        )
    yield ""
    yield "All that is known of each is in `card.json`; `sha256sum -c SHA256SUMS` checks the files."
