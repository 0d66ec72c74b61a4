"""Operators of model files, as workloads beside the models."""

import json
from collections.abc import Mapping
from typing import Any

from bench.errors import FileError
from bench.operators.cut import CutModel
from bench.operators.operator import Operator
from bench.protocol.device import Workload
from latency_models.operators.measured import ModelOperators

ROLE = "operator"
# About what an operator takes, by which a measurement is planned: its call, its MACs, its bytes.
CALL_NS, MAC_NS, BYTE_NS = 10_000.0, 0.05, 0.1
SESSION_BYTES, BYTES_SHARE = 1_000_000, 3.0  # memory of a session, and over its tensors


def operator_workload(operator: Operator) -> Workload:
    """Return the workload of an operator; its label is the operator as JSON."""
    size_bytes = operator.in_bytes + operator.out_bytes + operator.weight_bytes
    return Workload(
        role=ROLE,
        file=operator.digest,
        label=json.dumps(operator.to_json()),
        footprint_bytes=int(SESSION_BYTES + BYTES_SHARE * size_bytes),
        estimate_ns=CALL_NS + MAC_NS * operator.macs + BYTE_NS * size_bytes,
    )


def operator_of(workload: Workload) -> Operator:
    """Return the operator of a workload that `operator_workload` made."""
    try:
        return Operator.from_json(json.loads(workload.label))
    except ValueError as error:
        raise FileError(f"an operator is damaged ({error}): measure again") from error


def composition(cut_model: CutModel) -> dict[str, Any]:
    """Return how often a model has each operator, for its label."""
    return {"operators": dict(cut_model.counts), "uncut": dict(cut_model.uncut)}


def model_operators(cut_model: CutModel) -> ModelOperators:
    """Return a cut model without the models of its operators."""
    operators: Mapping[str, Operator] = {
        operator.digest: operator for operator, _ in cut_model.operators
    }
    return ModelOperators(operators=operators, counts=cut_model.counts, uncut=cut_model.uncut)
