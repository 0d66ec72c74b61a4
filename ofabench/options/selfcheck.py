"""Options of `ofabench selfcheck`: how thoroughly a device is checked."""

from dataclasses import dataclass
from pathlib import Path

from bench.options import Options, nested, option
from ofabench.options import shared
from ofabench.options.device import DeviceOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheckOptions(Options):
    """How many blocks of a device's check are swept, how often, and with how many threads.

    `quick` leaves out a GPU's full sweeps at two batches and two precisions.
    """

    quick: bool = option(
        False,
        help="GPUs: no full sweeps at batch 1 and 64, fp32 and fp16, which take most of an hour",
    )
    force: bool = option(False, help="GPUs: sweep although others use the card")
    blocks: int = option(20, minimum=1, metavar="N", help="({default})")
    replicates: int = option(3, minimum=1, aliases=("--loads",), help="of either sweep ({default})")
    rounds: int = option(10, minimum=1, aliases=("--passes",), help="of each replicate ({default})")
    threads: int = option(1, minimum=1, metavar="N", help="of the runtime ({default})")
    cores: str | None = option(None, metavar="0,1", help="as of `ofabench sweep`")
    seed: int = shared.seed("of blocks, orders and inputs")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheckRequest(Options):
    """A whole check in words: of which device and backend, and the folder to make."""

    device: DeviceOptions = nested(DeviceOptions)
    backend: str | None = option(
        None, metavar="B", help="default: onnx here, torch on GPUs, tflite on phones"
    )
    check_options: SelfCheckOptions = nested(SelfCheckOptions)
    space: str = option("ofa-mbv3-w1.0", metavar="NAME|FILE.toml", help="whose blocks ({default})")
    out: Path = option(metavar="FOLDER", help="folder to make")

    @property
    def of_gpu(self) -> bool:
        """Whether a GPU is checked in full."""
        address = self.device.device
        return address is not None and address.startswith("cuda") and not self.check_options.quick
