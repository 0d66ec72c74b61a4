"""Networks tables of several targets in one: rows in common, columns of each target."""

from dataclasses import replace

import pandas as pd
import pytest

from bench.errors import InputError
from bench.protocol.target import Target
from latency_models.tables.joined_networks import join_networks
from latency_models.tables.networks import NetworksTable

ONNX = Target(device="cpu", backend="onnx", backend_version="1")
TORCH = replace(ONNX, backend="torch")


def table(target: Target, space: str = "tiny", **latencies_ms: float) -> NetworksTable:
    """A table of networks `d0` by letters, with a spread."""
    column = target.column
    figures = {column: [*latencies_ms.values()], f"{column[:-3]}_spread": [0.1] * len(latencies_ms)}
    frame = pd.DataFrame({"resolution": 28, "d0": [ord(name) for name in latencies_ms], **figures})
    provenance = {"space_file": "t", "measured": target.backend}
    return NetworksTable(frame=frame, space=space, targets={column: target}, provenance=provenance)


def test_networks_that_all_have_are_kept_with_the_figures_of_each() -> None:
    joined = join_networks([table(ONNX, a=1.0, b=2.0, c=3.0), table(TORCH, c=6.0, d=9.0, b=5.0)])

    assert [*joined.frame.columns] == [
        "resolution",
        "d0",
        "cpu_onnx_fp32_t1_b1_ms",
        "cpu_onnx_fp32_t1_b1_spread",
        "cpu_torch_fp32_t1_b1_ms",
        "cpu_torch_fp32_t1_b1_spread",
    ]
    assert joined.frame["d0"].tolist() == [ord("b"), ord("c")]
    assert joined.latencies_ms(ONNX.column).tolist() == [2.0, 3.0]
    assert joined.latencies_ms(TORCH.column).tolist() == [5.0, 6.0]
    assert joined.targets == {ONNX.column: ONNX, TORCH.column: TORCH}
    assert (joined.space, joined.provenance) == ("tiny", {"space_file": "t"})
    other = join_networks([table(TORCH, a=1.0), table(ONNX, a=1.0)])
    assert other.provenance == {"space_file": "t"}


def test_tables_that_do_not_fit_are_refused() -> None:
    one = table(ONNX, a=1.0)
    with pytest.raises(InputError, match="have the column cpu_onnx_fp32_t1_b1_ms: join different"):
        join_networks([one, one])
    for space in ("huge", "zoo"):
        with pytest.raises(InputError, match=f"networks of tiny and {space} cannot share a table"):
            join_networks([one, table(TORCH, space, a=1.0)])


def test_there_may_be_no_network_in_common() -> None:
    assert len(join_networks([table(ONNX, a=1.0), table(TORCH, b=1.0)])) == 0
