"""Options of `ofabench selfcheck`: extent of the check."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.options import shared
from ofabench.options.device import DeviceOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheckOptions(Options):
    """Blocks, repetitions and threads of a device's check.

    `quick` omits a GPU's full sweeps at two batches and two precisions.
    """

    quick: bool = option(
        False,
        help="GPUs: omit full sweeps at batch 1 and 64, fp32 and fp16, which take up to an hour",
    )
    force: bool = option(False, help="GPUs: sweep although others use the GPU")
    blocks: int = option(20, minimum=1, metavar="N", help="blocks to check ({default})")
    replicates: int = option(
        3, minimum=1, aliases=("--loads",), help="replicates of each sweep ({default})"
    )
    rounds: int = option(
        10, minimum=1, aliases=("--passes",), help="rounds of each replicate ({default})"
    )
    threads: int = option(1, minimum=1, metavar="N", help="threads of the runtime ({default})")
    cores: str | None = option(None, metavar="0,1", help="as in `ofabench sweep`")
    seed: int = shared.seed("seed of blocks, orders and inputs")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheckRequest(Options):
    """Request of a check: device, backend, space, and the folder to make."""

    device: DeviceOptions = nested(DeviceOptions)
    backend: str | None = option(
        None,
        metavar="B",
        help="runtime (default: onnx on the CPU, torch on GPUs, tflite on phones and boards)",
    )
    check_options: SelfCheckOptions = nested(SelfCheckOptions)
    space: str = option(
        "ofa-mbv3-w1.0", metavar="NAME|FILE.toml", help="space of the blocks ({default})"
    )
    out: Path = option(metavar="FOLDER", help="folder to make")

    @property
    def of_gpu(self) -> bool:
        """Whether this is the full check of a GPU."""
        address = self.device.device
        return address is not None and address.startswith("cuda") and not self.check_options.quick
