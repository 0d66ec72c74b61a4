"""Fits of single published tables: held-out blocks, sums of operators (see public_tables)."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.protocol.target import Target
from latency_models.evaluation.evaluate import best_constant, evaluate
from latency_models.fitting import fit_predictor
from latency_models.formats.fbnet import from_fbnet
from latency_models.formats.ofa import from_ofa
from latency_models.formats.tfnas import from_tfnas
from latency_models.networks.categories.fit import fit_categories
from latency_models.networks.categories.predictor import CategoryPredictor, codes_of
from latency_models.tables.table import LatencyTable

Floats = NDArray[np.float64]
HELD_OUT = 5  # every fifth block
SEEDS, SAMPLES = 10, (10, 50)


def target(device: str, backend: str, version: str = "unknown") -> Target:
    """Target of a published table: one thread, batch 1."""
    return Target(device=device, backend=backend, backend_version=version)


def rows(head: str, lines: Sequence[str]) -> None:
    """Print a Markdown table."""
    print(f"| {head} |\n|{' --- |' * (head.count('|') + 1)}")
    print("\n".join(f"| {line} |" for line in lines) + "\n")


def errors(predicted_ms: Floats, true_ms: Floats) -> str:
    """Return the median and the 95th percentile of the relative errors."""
    relative = np.abs(predicted_ms / true_ms - 1)
    return f"{np.median(relative):.1%}, {np.quantile(relative, 0.95):.1%}"


def imported(data: Path, note10: LatencyTable) -> None:
    """Print what each table holds, and how well its blocks predict held-out blocks."""
    pixel = from_ofa([data / "pixel1_proxyless_lut.yaml"], target("proxyless-phone", "tflite"))
    xeon = target("xeon-gold-6130", "torch", "1.1")
    tfnas = from_tfnas([data / "tfnas_cpu_blocks.csv"], xeon, measured_only=True)
    lines = []
    for name, table in (("Note10", note10), ("ProxylessNAS's phone", pixel), ("TF-NAS CPU", tfnas)):
        left_out = sum(v for k, v in table.provenance.items() if k.startswith("left_out_"))
        print(f"fitting {name}", file=sys.stderr)
        ours, macs = held_out_blocks(table)
        lines.append(f"{name} | {len(table)} | {left_out} | {errors(*ours)} | {errors(*macs)}")
    print("## Tables, and every fifth block from the other four\n")
    rows("table | blocks | rows left out | regression: median, p95 | MACs, one scale a kind", lines)


def held_out_blocks(table: LatencyTable) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return predicted and measured ms of held-out blocks, by the regression and by MACs alone."""
    out = np.arange(len(table)) % HELD_OUT == HELD_OUT - 1
    fitted = replace(table, rows=table.rows[~out].reset_index(drop=True))
    specs = [spec for spec, left in zip(table.specs, out, strict=True) if left]
    measured = table.rows["latency_ms"].to_numpy(dtype=np.float64)
    predicted = fit_predictor(fitted).predict_many([[spec] for spec in specs])
    work = np.array([max(spec.macs, 1) for spec in table.specs], dtype=np.float64)
    kinds = table.rows["kind"].to_numpy()
    scaled = np.zeros(len(table))
    for kind in set(kinds):
        here = kinds == kind
        known = here & ~out
        scaled[here] = work[here] * np.median((measured / work)[known if known.any() else ~out])
    return (predicted, measured[out]), (scaled[out], measured[out])


def raspberry_pi(data: Path) -> None:
    """Compare the Raspberry Pi's operators with whole networks that others measured on one.

    Summed after one scale, and as a prior for a fit on a few of the networks, judged on the rest.
    """
    costs = from_fbnet(data / "fbnet_rpi4_lut.json", target("raspberry-pi-4", "tensorflow"))
    networks = pd.read_parquet(data / "fbnet_device_latency.parquet")
    codes = codes_of(networks, costs.columns)
    measured = networks["raspi4_ms"].to_numpy(dtype=np.float64)
    sums, whole = costs.predict(codes), ~costs.extrapolated(codes)
    scaled = sums * np.median(measured[whole] / sums[whole])
    evaluation, best = evaluate(scaled[whole], measured[whole]), best_constant(measured[whole])
    lines = [
        f"sum of the table, one scale | {evaluation.n} | {evaluation.spearman:.3f} | "
        f"{evaluation.within_10:.2f} | {evaluation.mape:.1%}",
        f"best constant | {best.n} | - | {best.within_10:.2f} | {best.mape:.1%}",
    ]
    for count in SAMPLES:
        for name, priors in (("alone", {}), ("the table as prior", {"table": costs})):
            print(f"Raspberry Pi, {count} networks, {name}", file=sys.stderr)
            lines.append(f"{count} networks, {name} | {learned(codes, measured, count, priors)}")
    print("## Raspberry Pi 4: costs of operators against whole networks (FBNet)\n")
    rows("predictor | judged on | Spearman | within 10 % | mean error", lines)
    print(
        f"{sum(map(len, costs.costs_ms.values()))} costs at {len(costs.columns)} positions; mean "
        f"sum {sums[whole].mean():.0f} ms against {measured[whole].mean():.0f} ms. "
        f"{(~whole).sum()} of {len(sums)} networks have an operator that the table lacks "
        f"({', '.join(costs.provenance['not_measured'])}); they are left out of the sums."
    )


def learned(
    codes: NDArray[np.int64],
    measured_ms: Floats,
    count: int,
    priors: dict[str, CategoryPredictor],
) -> str:
    """Return means over seeds of errors on networks that were not fitted."""
    figures = []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(codes))
        fit_rows, rest = order[:count], order[count:]
        columns = tuple(f"op{at}" for at in range(codes.shape[1]))
        fitted = fit_categories(
            columns, codes[fit_rows], measured_ms[fit_rows], target("pi", "tflite"), priors=priors
        ).predictor
        evaluation = evaluate(fitted.predict(codes[rest]), measured_ms[rest])
        figures.append((evaluation.spearman or 0.0, evaluation.within_10, evaluation.mape))
    spearman, within_10, mape = np.mean(figures, axis=0)
    return f"{len(codes) - count} | {spearman:.3f} | {within_10:.2f} | {mape:.1%}"
