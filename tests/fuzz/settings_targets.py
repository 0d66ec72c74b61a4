"""Fuzz targets of users' TOML: spaces, training schedules, fleets, options of commands."""

from importlib import resources
from pathlib import Path

import numpy as np

from bench.options.reading import build, read_values
from ofabench.cli.derived.config_file import read_toml
from ofabench.cli.derived.equivalent import equivalent_command
from ofabench.workflows.fleet.fleet_file import load_fleet
from supernet.space.space import SearchSpace
from supernet.train.schedule import Schedule
from tests.fuzz.target import FuzzTarget, file_of
from tests.support.option_examples import CommandExample

FLEET = b"""\
[[phone]]
name = "note8"
address = "adb:192.0.2.7:5555"
cores = "big"
threads = 4
runner = "benchmark_model"
binary = "benchmark_model"
delegate = "gpu"
precision = "fp16"

[[phone]]
name = "pixel"
address = "adb:0123456789ABCDEF"

[[device]]
name = "here"
address = "cpu"
backend = "onnx"
groups = ["hub"]
latency = "here.parquet"
max_latency_ms = "30ms"

[groups]
hub = 2
"""
CONFIG = b"""\
space = "tiny"
table = "t.parquet"
no-verify = true
json = true
latency = ["a.parquet", "b.parquet"]
max_latency_ms = [30, "80us"]
max-macs = "2G"
max_size_bytes = "1.5MiB"
fail_above = "5%"
confidence = 0.95
networks = 20

[sweep]
budget = "5m"
resolutions = "32,64"

[device.phone]
frequency_khz = "1.8GHz"
"""
# A small space of each family; the shipped ones take half a second each.
MBCONV = b"""\
name = "small"
family = "mbconv"
in_channels = 3
classes = 10
resolutions = { from = 16, to = 24, step = 4 }
width_multiplier = 1.3
norm_eps = 1e-3
stem = { width = 8, kernel = 3, stride = 2, act = "hswish" }
first = { width = 8, kernel = 3, stride = 1, act = "relu" }
head = { final_expand = 16, feature_mix = 16, act = "hswish" }

[[stages]]
width = 16
stride = 2
act = "relu6"
se = true
depths = [1, 2]
kernels = [3, 5]
expands = [2, 3]
"""
RESNET = b"""\
name = "small-resnet"
family = "resnet"
in_channels = 3
classes = 10
resolutions = [16, 24]
widths = [0.65, 1.0]
stem = { width = 16, stride = 2, act = "relu", depths = [0, 1] }

[[stages]]
width = 32
stride = 1
act = "relu"
depths = [1, 2]
expands = [0.2, 0.25]
"""


def read_space(data: bytes) -> None:
    """A space: its networks are drawn, written as lines, and encoded."""
    space = SearchSpace.load(file_of(data, ".toml"))
    for arch in space.sample(np.random.default_rng(0), 2):
        space.blocks(arch)
        space.to_line(arch)
    space.sample_codes(np.random.default_rng(0), 2)


def read_schedule(data: bytes) -> None:
    """A schedule, and the learning rate of each phase's first steps."""
    for phase in Schedule.load(file_of(data, ".toml")).phases:
        assert phase.lr_at(0, 10) >= 0
        phase.lr_at(10 * phase.epochs - 1, 10)


def read_fleet(data: bytes) -> None:
    """Devices of a fleet."""
    assert load_fleet(file_of(data, ".toml")).members


def read_config(data: bytes) -> None:
    """Options of a command with everything, and the command line that gives the same."""
    given = read_values(CommandExample, read_toml(file_of(data, ".toml")), "f.toml")
    options = build(CommandExample, {"space": "tiny", "out": Path("o"), **given})
    assert CommandExample.from_dict(options.to_dict()) == options
    equivalent_command("sweep", options)


def _shipped(package: str) -> list[bytes]:
    files = sorted(resources.files(package).iterdir(), key=lambda file: file.name)
    return [file.read_bytes() for file in files if file.name.endswith(".toml")]


def _too_deep_or_long() -> list[bytes]:
    """Lists that are nested deeper, and a number that is longer, than Python reads."""
    return [b"a = " + b"[" * 3000, b"a = " + b"1" * 5000]


def _beyond() -> list[bytes]:
    """Spaces with a width that is infinite, and with more blocks than are listed within 1 s."""
    wide = MBCONV.replace(b"width_multiplier = 1.3", b"width_multiplier = 1e308")
    many = MBCONV.replace(b"to = 24, step = 4", b"to = 32000, step = 4")
    return [*_too_deep_or_long(), wide, many]


TARGETS = (
    FuzzTarget(
        name="space_toml",
        read=read_space,
        seeds=lambda: [MBCONV, RESNET],
        regressions=_beyond,
    ),
    FuzzTarget(
        name="schedule_toml",
        read=read_schedule,
        seeds=lambda: _shipped("supernet.train.schedules"),
        regressions=_too_deep_or_long,
    ),
    FuzzTarget(
        name="fleet_toml", read=read_fleet, seeds=lambda: [FLEET], regressions=_too_deep_or_long
    ),
    FuzzTarget(
        name="config_toml", read=read_config, seeds=lambda: [CONFIG], regressions=_too_deep_or_long
    ),
)
