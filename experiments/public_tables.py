"""Tables that others published, imported, and what can be predicted from them, as Markdown.

    python -m experiments.public_tables [--data ../shared/data] > tables.md

Nothing is measured and nothing fitted is judged on what it was fitted on: networks at resolutions
that the table lacks, each resolution of the Note10 table from the other eight, other phones from
the Note10 predictor after one scale (a network's scale comes from the others of its phone).
`--configs` names a folder of the authors' own files (han-cai/files, `ofa/ofa_specialized`), which
have two phones more: each network in a folder of its name, `PHONE_lat-29ms...`.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import OfabenchError
from experiments.public_tables_fitted import errors, imported, raspberry_pi, rows, target
from latency_models.evaluation.evaluate import evaluate
from latency_models.fitting import fit_predictor
from latency_models.formats.ofa import from_ofa
from latency_models.predictors.predictor import LatencyPredictor
from supernet.published.published import PublishedNetwork, read_networks
from supernet.space.space import SearchSpace

Floats = NDArray[np.float64]
SPACE = "ofa-mbv3-w1.2"  # whose blocks the Note10 table has
PHONES = ("note8", "pixel1", "pixel2", "s7edge", "LG-G8")
SEED = 0  # of the random networks


def main() -> int:
    """Print every figure; exit code 2 where a file is invalid."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="DIR")
    parser.add_argument("--configs", type=Path, metavar="DIR", help="folders with net.config")
    parser.add_argument("--networks", type=int, default=200, help="random ones a resolution")
    args = parser.parse_args()
    try:
        note10 = {
            int(path.name.split("_")[0]): path for path in (args.data / "note10").glob("*.yaml")
        }
        sizes = sorted(note10)  # px
        whole = from_ofa([note10[size] for size in sizes], target("note10", "tflite"))
        published = [
            *read_networks(args.data / "ofa_specialized.json", []),
            *(configured(args.configs) if args.configs else []),
        ]
        print(f"Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by experiments/public_tables.py.\n")
        imported(args.data, whole)
        predictor = fit_predictor(whole)
        networks_of_note10(predictor, of(published, "note10"))
        left_out_resolutions({size: note10[size] for size in sizes}, args.networks)
        other_phones(predictor, published)
        raspberry_pi(args.data)
    except OfabenchError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def configured(folder: Path) -> list[PublishedNetwork]:
    """Return networks of the authors' files that the shared data lack, latencies from names."""
    result = []
    for path in sorted(folder.rglob("net.config")):
        match = re.fullmatch(r"(?:s7edge|LG-G8)_lat-(\d+)ms.*", path.parent.name)
        if match:
            (network,) = read_networks(path, [])
            result.append(replace(network, latency_ms=float(match[1])))
    return result


def of(published: Sequence[PublishedNetwork], device: str) -> list[PublishedNetwork]:
    """Return a device's networks that have a published latency, from the fastest."""
    result = [
        network
        for network in published
        if network.name.startswith(f"{device}_lat") and network.latency_ms
    ]
    return sorted(result, key=lambda network: network.latency_ms or 0.0)


def left_out_scale(predicted: Floats, measured_ms: Floats) -> Floats:
    """Scale predictions to ms, (n,), each by the median ratio of the other networks."""
    ratio = measured_ms / predicted
    return np.array(
        [predicted[i] * np.median(np.delete(ratio, i)) for i in range(len(ratio))], dtype=np.float64
    )


def latencies_ms(networks: Sequence[PublishedNetwork]) -> Floats:
    """Return published latencies, (n,) in ms."""
    return np.array([network.latency_ms for network in networks], dtype=np.float64)


def networks_of_note10(predictor: LatencyPredictor, networks: Sequence[PublishedNetwork]) -> None:
    """Print errors of the Note10's networks: sums of table blocks, regression for other blocks."""
    measured = latencies_ms(networks)
    predicted = predictor.predict_many([network.blocks for network in networks])
    macs = left_out_scale(np.array([float(network.macs) for network in networks]), measured)
    lines = []
    for network, true, ours, scaled in zip(networks, measured, predicted, macs, strict=True):
        known = sum(block in predictor.known for block in network.blocks)
        lines.append(
            f"{network.name.split('_top1')[0]} | {network.resolution} | "
            f"{known} of {len(network.blocks)} | "
            f"{true:.0f} | {ours:.2f} | {ours - true:+.2f} | {ours / true - 1:+.1%} | "
            f"{scaled - true:+.2f}"
        )
    print("## Published networks of the Note10, predicted from the Note10 table\n")
    head = "network | px | blocks in the table | published ms | predicted ms | error ms | error"
    rows(f"{head} | MACs, one scale (left out): error ms", lines)
    print(f"{summary(predicted, measured)}; MACs: {summary(macs, measured)}.\n")


def summary(predicted_ms: Floats, measured_ms: Floats) -> str:
    """Return one line of errors in ms and by share."""
    off, evaluation = np.abs(predicted_ms - measured_ms), evaluate(predicted_ms, measured_ms)
    return (
        f"mean error {off.mean():.2f} ms, largest {off.max():.2f} ms, mean {evaluation.mape:.1%}, "
        f"within 10 % {evaluation.within_10:.2f}"
    )


def left_out_resolutions(paths: Mapping[int, Path], count: int) -> None:
    """Each resolution's sums, from a predictor of the other eight. `paths` are by px."""
    space, on, lines = SearchSpace.load(SPACE), target("note10", "tflite"), []
    archs = space.sample(np.random.default_rng(SEED), count)
    networks = {
        size: [space.blocks(replace(arch, resolution=size)) for arch in archs] for size in paths
    }
    sums, macs = {}, {}
    for size, path in paths.items():
        table = from_ofa([path], on)
        sums[size] = np.array([sum(map(table.lookup, blocks)) for blocks in networks[size]])
        macs[size] = np.array([sum(block.macs for block in blocks) for blocks in networks[size]])
    for size in paths:
        print(f"leaving {size} px out", file=sys.stderr)
        others = sorted((other for other in paths if other != size), key=lambda o: abs(o - size))
        ours = fit_predictor(from_ofa([paths[other] for other in others], on)).predict_many(
            networks[size]
        )
        near = [sums[other] * macs[size] / macs[other] for other in others[:2]]
        between = min(others) < size < max(others)
        figures = [
            errors(predicted_ms, sums[size])
            for predicted_ms in (ours, near[0], (near[0] + near[1]) / 2)
        ]
        bias = np.median(ours / sums[size]) - 1
        lines.append(
            f"{size}{'' if between else ' (outside)'} | {sums[size].mean():.1f} | {figures[0]} | "
            f"{bias:+.1%} | {figures[1]} | {figures[2] if between else '-'}"
        )
    print(f"## Note10: a resolution from the other eight, {count} random networks of {SPACE}\n")
    head = "px left out | mean ms | predictor: median, p95 | its bias | nearest px, by MACs"
    rows(f"{head} | mean of both neighbours, by MACs", lines)


def other_phones(predictor: LatencyPredictor, published: Sequence[PublishedNetwork]) -> None:
    """Print errors of other phones after one scale, computed without the evaluated network."""
    lines = []
    for phone in PHONES:
        networks = of(published, phone)
        if not networks:
            continue
        measured = latencies_ms(networks)
        ours = predictor.predict_many([network.blocks for network in networks])
        macs = np.array([float(network.macs) for network in networks])
        scaled = [left_out_scale(predicted_ms, measured) for predicted_ms in (ours, macs)]
        result = [summary(predicted_ms, measured) for predicted_ms in scaled]
        result.append(_attempt(partial(_with_prior, predictor, networks, measured)))
        lines.append(f"{phone} | {len(networks)} | {' | '.join(result)}")
    print("## Other phones from the Note10 predictor\n")
    head = "phone | networks | Note10 predictor, one scale | MACs, one scale"
    rows(f"{head} | `fit --networks --prior` on the others", lines)


def _with_prior(
    predictor: LatencyPredictor, networks: Sequence[PublishedNetwork], measured_ms: Floats
) -> str:
    """Fit each network's latency from the others of its phone, the Note10 predictor as prior."""
    result = []
    for i, network in enumerate(networks):
        others = [other.blocks for other in networks if other is not network]
        fitted = fit_predictor(
            None,
            others,
            np.delete(measured_ms, i),
            target=target("phone", "tflite"),
            blocks=network.blocks,
            priors={"note10": predictor},
        )
        result.append(fitted.predict_many([network.blocks])[0])
    return summary(np.array(result), measured_ms)


def _attempt(figure: Callable[[], str]) -> str:
    try:
        return figure()
    except OfabenchError as error:
        return f"- ({error})"


if __name__ == "__main__":
    sys.exit(main())
