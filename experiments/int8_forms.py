"""How much faster int8 is, in every form of the graph: whole random networks in the same rounds.

For each network, all variants of a runtime are loaded together and measured round by round; the
figure is the median over rounds of the time over that of float32 in the plain form.

    python -m experiments.int8_forms --out int8_forms.json
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.blocks.graph_form import GraphForm
from bench.blocks.spec import BlockSpec
from bench.devices.registry import get_device
from bench.protocol.device import Device, ReplicatePlan, Workload
from bench.protocol.target import Target
from bench.sweep.form_choice import Variant, VariantBackend
from ofabench.workflows.devices import measuring_alone
from supernet.space.space import SearchSpace

SPACE, SIZES = "ofa-mbv3-w1.0", (160, 192, 224)
FORMS = {
    "onnx": ("fp32", "int8", "int8 stem=float"),
    "tflite": (
        "fp32",
        "fp32 hswish=decomposed",
        "fp32 depthwise7=split",
        "int8",
        "int8 hswish=decomposed",
        "int8 depthwise7=split",
        "int8 hswish=decomposed,depthwise7=split",
        "int8 hswish=decomposed,depthwise7=split,stem=float",
    ),
}


def main() -> None:
    """Measure, and write and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--force", action="store_true", help="for tries on a busy machine")
    options = parser.parse_args()
    space = SearchSpace.load(SPACE)
    drawn = [
        arch
        for size in SIZES
        for arch in space.sample(
            np.random.default_rng(size), -(-options.networks // len(SIZES)), (size,)
        )
    ][: options.networks]
    device = get_device("cpu")
    rows = []
    with measuring_alone(device):
        if not options.force:
            device.check_quiet()
        for backend, names in FORMS.items():
            for number, arch in enumerate(drawn):
                blocks = space.blocks(arch)
                models = {name: (variant_of(name), blocks) for name in names}
                latencies_ms = measured_ms(device, backend, models, options.rounds, number)
                rows.append({"backend": backend, "size": arch.resolution, **latencies_ms})
                print(f"{backend} {number + 1}/{len(drawn)}", flush=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows))


def measured_ms(
    device: Device,
    backend: str,
    models: Mapping[str, tuple[Variant, tuple[BlockSpec, ...]]],
    rounds: int,
    seed: int,
) -> dict[str, list[float]]:
    """Return the warm latency of each model in each round, in ms; all are in the same rounds."""
    target = Target(device=device.slug(), backend=backend, backend_version="", cores="0")
    work = [Workload(role="model", file=name) for name in models]
    plan = ReplicatePlan(rounds=rounds, samples=3, seed=seed)
    results = list(device.run_replicate(work, VariantBackend(backend, models), target, plan))
    warm_ns = np.array([np.nanmean(result.samples_ns[:, 1:], axis=1) for result in results])
    return {name: (warm_ns[:, place] / 1e6).tolist() for place, name in enumerate(models)}


def variant_of(name: str) -> Variant:
    """Return the variant of a name such as "int8 stem=float"."""
    precision, _, forms = name.partition(" ")
    return Variant(GraphForm.parse(forms), precision)


def table(rows: Sequence[dict]) -> str:  # type: ignore[type-arg]
    """Return the geometric means of the networks' ratios as Markdown, by runtime and size."""
    head = "| runtime and variant | " + " | ".join(f"{size} px" for size in SIZES) + " | all |"
    lines = [head, "| --- |" + " --- |" * (len(SIZES) + 1)]
    for backend, names in FORMS.items():
        own = [row for row in rows if row["backend"] == backend]
        for name in names:
            cells = [ratio([row for row in own if row["size"] == size], name) for size in SIZES]
            lines.append(f"| {backend} {name} | {' | '.join(cells)} | {ratio(own, name)} |")
    return "\n".join(lines)


def ratio(rows: Sequence[dict], name: str) -> str:  # type: ignore[type-arg]
    """Return the geometric mean of a variant's time over plain float32, with the range."""
    if not rows:
        return "-"
    ratios = [float(np.median(np.array(row[name]) / np.array(row["fp32"]))) for row in rows]
    mean = float(np.exp(np.mean(np.log(ratios))))
    return f"{mean:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
