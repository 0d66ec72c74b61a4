"""`ofabench profile`: where the time of a model file goes, operator by operator."""

import json
from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.profile import ProfileOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileCommand(Options):
    """A model file, how it is profiled, and how that is shown."""

    file: Path = option(positional=True, metavar="MODEL", help="ONNX or TFLite file of any origin")
    device: DeviceOptions = nested(DeviceOptions, defaults={"device": "cpu"})
    profile: ProfileOptions = nested(ProfileOptions)
    out: Path | None = option(None, metavar="OPERATORS.csv", help="write a row an operator")
    plot: Path | None = option(
        None, metavar="PICTURE.png|.svg", help="write a picture; needs ofabench[report]"
    )
    json: bool = shared.json()


def run(options: ProfileCommand) -> int:
    """Profile, print, and write what was asked for."""
    from bench.extras import check_extra
    from bench.files import write_text
    from ofabench.workflows.measure.profile import profile

    if options.plot is not None:
        check_extra("matplotlib", "pictures of profiles need")
    profiled = profile(options.file, options.device, options=options.profile)
    if options.out is not None:
        write_text(options.out, profiled.frame.to_csv(index=False))
    if options.plot is not None:
        profiled.plot(options.plot)
    print(json.dumps(profiled.to_dict(), allow_nan=False) if options.json else profiled)
    return 0


COMMAND = Command(
    name="profile",
    help="show where the time of a model file goes, operator by operator",
    description="Of an ONNX file, the graph is the one that onnxruntime executes on this machine, "
    "fused and in its layouts, timed by its profiler, which takes part of the time. Of a TFLite "
    "file, each operator that XNNPACK runs as one is timed by itself, in the order of the model; "
    "on phones and boards LiteRT's profiler times them inside it. "
    "The operators of a quantised file that stay in float, and those outside XNNPACK, are summed. "
    "Shares hold, latencies are for `measure`.",
    options=ProfileCommand,
    run=run,
)
