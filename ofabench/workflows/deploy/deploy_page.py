"""Card of a deployment as Markdown, from the card's JSON values alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.blocks.spec import BlockSpec
from bench.reading import from_plain
from bench.timing.session_drift import drift_in_words
from bench.timing.tail import Tail
from ofabench.workflows.deploy.deploy_sample import snippet
from ofabench.workflows.deploy.energy_text import energy_lines
from ofabench.workflows.deploy.markdown import escaped, verbatim
from ofabench.workflows.deploy.verification_text import FIGURES, figure_verdicts, of_statistic
from supernet.data.class_names import LABELS
from supernet.data.wilson import format_share
from supernet.export.finetuning_record import FinetuningRecord
from supernet.export.model_card import Accuracies

Card = Mapping[str, Any]
_LISTED = 100  # class names on the page; a separate file has all


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
    accuracy, predicted = card["accuracy"], card["accuracy"]["predicted_accuracy"]
    yield ""
    if accuracy["accuracy"] is None:
        yield f"Not measured: {escaped(accuracy['not_measured'])}."
    else:
        yield (
            f"**{accuracy['accuracy']:.2%}** of {accuracy['accuracy_images']} test images of "
            f"{verbatim(accuracy['data'])}, by this file (95 % interval "
            f"{100 * accuracy['accuracy_low']:.2f} to {100 * accuracy['accuracy_high']:.2f} %)."
        )
    if predicted is not None:
        yield f"The search predicted {predicted:.2%} of validation images."
    accuracies = card["model"]["accuracies"]
    if accuracies is not None:
        both = Accuracies(**accuracies)
        yield (
            f"On {both.images} {both.part} images: "
            f"{format_share(both.before, both.before_interval)} by the float32 network in torch, "
            f"{format_share(both.after, both.after_interval)} by this file."
        )
    if card["model"]["finetuning"] is not None:
        record = from_plain(FinetuningRecord, card["model"]["finetuning"], "the fine-tuning")
        yield from map(escaped, record.sentences())
    difference = card["model"]["closeness"]
    ratio = (
        "" if difference["snr_db"] is None else f", signal to noise {difference['snr_db']:.1f} dB"
    )
    yield (
        f"Its outputs differ from torch's by {difference['largest']:.2g} of the largest at "
        f"most{ratio}; "
        f"the same class for {difference['agreement']:.1%} ({difference['images']} "
        f"{escaped(difference['of'])})."
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
    for row in card["latency"]:
        predicted = f"{row['predicted_ms']:.4g} ± {row['std_ms']:.2g}{of_statistic(row)}"
        confidence = (card["search"] or {}).get("confidence")
        if row["bound_ms"] is not None:
            how = "with its margin" if confidence is None else f"with {confidence:.4g} confidence"
            predicted += f" (at most {row['bound_ms']:.4g} {how})"
        limit = "-" if row["limit_ms"] is None else f"{row['limit_ms']:g}"
        figures = [_figure(row, name) for name in FIGURES]
        yield f"| {row['target']} | {predicted} | {limit} | {' | '.join(figures)} |"
    yield ""
    yield (
        "± is one standard deviation of the prediction; in brackets the 95 % interval of the "
        "measurement. The limit is judged by the latency as measured, the prediction by the "
        "drift-corrected one where there is one. Targets without a measurement are only predicted."
    )
    for row in card["latency"]:
        if row["verification"] is not None and row["verification"]["drift"] is not None:
            yield f"Drift on {row['target']}: {drift_in_words(row['verification']['drift'])}."
    for row in card["latency"]:
        energy = (row["verification"] or {}).get("energy")
        lines = [line.strip() for line in energy_lines(energy)]
        if lines:
            yield f"On {row['target']}: {'; '.join(' '.join(line.split()) for line in lines)}."
    for row in card["latency"]:
        tail = (row["verification"] or {}).get("tail")
        if tail is not None:
            median = f"median {row['verification']['median_ms']:.4g} ms"
            yield f"Samples on {row['target']}: {median}, {Tail.from_json(tail).in_words}."


def _figure(row: Mapping[str, Any], name: str) -> str:
    """One latency with its interval and verdicts, or the reason why there is none."""
    verification = row["verification"]
    if verification is None:
        return f"- ({row['not_measured']})" if name == "measured" else "-"
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
    for row in card["limits"]:
        verdict = {None: "predicted only", True: "met", False: "NOT MET"}[row["met"]]
        figures = [
            "-" if row[key] is None else f"{amount(row[key])} {row['unit']}".rstrip()
            for key in ("predicted", "limit", "actual")
        ]
        yield f"| {row['name']} | {' | '.join(figures)} | {verdict} |"


def amount(value: float) -> str:
    """Format a number: a whole number in full, any other with six digits."""
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
        block = BlockSpec.parse(key)
        yield (
            f"| {block.kind} | {block.in_size} x {block.in_size} x {block.in_channels} | "
            f"{block.mid_channels or '-'} | {block.out_channels} | {block.kernel} | {block.stride} "
            "| "
            f"{block.act} | {block.se or '-'} | {block.macs:,} |"
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
    for source in card["sources"]:
        provenance = source["provenance"]
        yield (
            f"| {source['what']} | {verbatim(source['file'])} | {escaped(source['of'])} | "
            f"{provenance.get('date', '-')} | {provenance.get('code_version', '-')} | "
            f"`{source['sha256']}` |"
        )
    yield ""
    yield "`card.json` has all of their provenance; `sha256sum -c SHA256SUMS` checks the files."
