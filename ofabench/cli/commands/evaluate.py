"""`ofabench evaluate`: predicted against measured networks, with baselines beside."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.cli.arguments import add_json
from ofabench.workflows.latency.spaces import ONEHOT

if TYPE_CHECKING:
    from latency_models.evaluation.evaluate import Floats


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `evaluate`."""
    parser = subparsers.add_parser("evaluate", help="judge a predictor on measured networks")
    parser.add_argument("predictor", type=Path, metavar="P.parquet")
    parser.add_argument("--networks", type=Path, required=True, metavar="N.parquet")
    parser.add_argument("--column", metavar="C", help="latency; default: the only one")
    parser.add_argument(
        "--space", metavar="NAME|FILE.toml|onehot", help="default: the table names it"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="needs matplotlib")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the figures as a table or as JSON."""
    import json

    from latency_models.evaluation.plot import check_matplotlib, plot_predictions
    from ofabench.workflows.latency.onehot import judge_onehot

    if args.plot is not None:
        check_matplotlib()
    told, predicted, measured = judge_onehot(args) if args.space == ONEHOT else _judge(args)
    if args.plot is not None:
        plot_predictions(args.plot, predicted, measured, f"{told['column']}, {args.space or ''}")
    if args.json:
        print(json.dumps(told))
    else:
        _print(told)
    return 0


def _judge(args: argparse.Namespace) -> "tuple[dict[str, Any], Floats, Floats]":
    """Figures, predicted and measured latencies of networks of blocks."""
    from latency_models.evaluation.judge import judge
    from latency_models.predictors.predictor import LatencyPredictor
    from latency_models.tables.networks import NetworksTable
    from ofabench.workflows.latency.network_warnings import warn_of_networks
    from ofabench.workflows.latency.networks import judging, space_of

    predictor = LatencyPredictor.load(args.predictor)
    networks = NetworksTable.load(args.networks)
    column = networks.column_or_only(args.column)
    space = space_of(networks, args.space)
    on = judging(networks, column, space, predictor)
    verdict = judge(predictor, space.choices, on.codes, on.measured)
    told = {
        "column": column,
        "target": predictor.target.key,
        **verdict.to_json(),
        "fitted_on": on.fitted,
    }
    expected = {"the predictor": verdict.predicted_ms}
    warn_of_networks(column, on.codes, on.measured.ms, expected)
    return told, verdict.predicted_ms, on.measured.ms


def _print(told: dict[str, Any]) -> None:
    from bench.timing.session_drift import drift_in_words

    names = ("within_5", "within_10", "spearman", "kendall", "mape", "bias")
    print(f"{told['n']} networks, {told['column']}; predictor of {told['target']}")
    if told.get("fitted_on"):
        share = (
            "left out" if told["fitted_on"] != told["n"] else "ALL of them: this is no judgement"
        )
        print(f"{told['fitted_on']} networks of the table were fitted on: {share}")
    print(" " * 32 + "".join(f"{name:>10}" for name in names))
    rows = {"predictor": told}
    if told["drift_corrected"] is not None:
        rows["  drift-corrected"] = told["drift_corrected"]
    rows["plain sum of blocks"] = told["plain_sum"]
    rows["best constant (upper bound)"] = told["best_constant"]
    if told["macs_alone"] is not None:
        rows[f"MACs alone ({told['macs_alone']['fitted_on']})"] = told["macs_alone"]
    for name, figures in rows.items():
        if figures is not None:
            cells = ["-" if figures[one] is None else f"{figures[one]:.3f}" for one in names]
            print(f"{name:<32}" + "".join(f"{cell:>10}" for cell in cells))
    ceiling = told["repeatability"]
    if ceiling is None:
        print("repeatability of these networks: not in the table")
    else:
        print(
            f"repeatability, the ceiling: half-width between loads {ceiling['median']:.1%} in the "
            f"median, {ceiling['p95']:.1%} at p95; {ceiling['within_5']:.3f} within 5 %, "
            f"{ceiling['within_10']:.3f} within 10 %"
        )
    if told["drift"] is not None:
        print(f"drift: {drift_in_words(told['drift'])}")
    if told.get("covered_95") is not None:
        print(f"{told['covered_95']:.1%} lie within 1.96 of the predictions' standard deviations")
    if told["extrapolated"]:
        print(
            f"{told['extrapolated']:.1%} of the networks have blocks unlike any that was measured"
        )
