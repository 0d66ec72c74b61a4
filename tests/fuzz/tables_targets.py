"""Fuzz targets of others' look-up tables: OFA's YAML, TF-NAS's CSV, FBNet's JSON."""

import json

from bench.protocol.target import Target
from latency_models.formats.fbnet import OPERATORS, from_fbnet
from latency_models.formats.ofa import from_ofa
from latency_models.formats.tfnas import COLUMNS, from_tfnas
from tests.fuzz.target import FuzzTarget, file_of

TARGET = Target(device="note10", backend="tflite", backend_version="1")
WIDE = """\
Conv-input:224x224x3-output:112x112x16:
  count: 40
  mean: 0.5
  std: 0.1
expanded_conv-input:112x112x16-output:56x56x24-expand:64-kernel:3-stride:2-idskip:0-se:0-hs:0:
  count: 40
  mean: 1.25
  var: 0.01
Logits-input:7x7x1280-output:1000:
  mean: 0.75
"""
RATIO = """\
'expanded_conv-input:56x56x24-output:56x56x24-expand:3-kernel:5-stride:1-idskip:1':
  count: 30
  mean: 2.5
"""
FLOW = "# of a Jetson\n---\nConv-input:24x24x3-output:12x12x16: {count: 40, mean: 0.5, std: 0.1}\n"
JSON = {"Conv-input:224x224x3-output:112x112x16": {"count": 40, "mean": 0.5, "std": 0.1}}
CSV = (
    ",".join(COLUMNS)
    + "\nbase,,,,,,,,,9.5\n"
    + "MBInvertedResBlock,56,4,0,4,3,1,relu,8,0.5\n"
    + "MBInvertedResBlock,56,4,8,8,5,2,swish,9,0.75\n"
    + "MBInvertedResBlock,56,4,8,8,5,2,swish,10,1.0\n"
    + "MBInvertedResBlock,56,4,8,8,5,2,swish,11,1.25\n"
)
LAYERS = [None, [1000.0 + at for at in range(len(OPERATORS))], [500, None, *[3.5] * 6], None]


def read_ofa(data: bytes) -> None:
    """A table of OFA's; its blocks and figures are there."""
    table = from_ofa([file_of(data, ".yaml")], TARGET)
    assert len(table) > 0
    assert (table.rows["latency_ms"] > 0).all()


def read_tfnas(data: bytes) -> None:
    """The same of TF-NAS; with the interpolated blocks left out it may be empty."""
    path = file_of(data, ".csv")
    assert len(from_tfnas([path], TARGET)) >= len(from_tfnas([path], TARGET, measured_only=True))


def read_fbnet(data: bytes) -> None:
    """Costs by category, all above 0."""
    result = from_fbnet(file_of(data, ".json"), TARGET)
    assert all(ms > 0 for costs in result.costs_ms.values() for ms in costs.values())


TARGETS = (
    FuzzTarget(
        name="ofa_yaml",
        read=read_ofa,
        seeds=lambda: [WIDE.encode(), RATIO.encode(), FLOW.encode(), json.dumps(JSON).encode()],
    ),
    FuzzTarget(name="tfnas_csv", read=read_tfnas, seeds=lambda: [CSV.encode()]),
    FuzzTarget(name="fbnet_json", read=read_fbnet, seeds=lambda: [json.dumps(LAYERS).encode()]),
)
