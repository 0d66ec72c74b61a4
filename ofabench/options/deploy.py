"""Options of a deployment: format, precision, verification."""

from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.options import Options, nested, option
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.export import ExportOptions
from ofabench.options.search import LimitOptions, allow_extrapolated
from ofabench.options.verify import JudgingOptions

SEARCHED = "in place of --arch, a search in the checkpoint's space"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOptions(JudgingOptions):
    """Format of the file (`form`), and how it is measured and judged.

    Example:
        >>> DeployOptions(form=ExportOptions(format="tflite"), tolerance="5%").tolerance
        0.05
    """

    form: ExportOptions = nested(ExportOptions)
    test_images: int | None = option(
        None, minimum=1, help="number of test images for the accuracy (default: all)"
    )
    verify: bool = option(True, help="do not measure the latency")
    finetune: int | None = option(
        None,
        minimum=1,
        metavar="EPOCHS",
        help="fine-tune the network before it is exported, by the defaults of `ofabench finetune`",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployRequest(Options):
    """Request of a deployment: network, format, and device."""

    checkpoint: Path | None = shared.checkpoint_or_network()
    network: Path | None = shared.network_or_checkpoint()
    arch: str | None = shared.arch_of_checkpoint()
    result: Path | None = option(None, metavar="R.json", help="the search's result, with --network")
    pick: int | None = shared.pick()
    data: str | None = shared.images_of_export()
    latency: tuple[Path, ...] = option(
        (),
        repeat=True,
        metavar="P.parquet",
        help="latency predictor, from `ofabench fit`; once for each target. Those of --device are "
        "verified, the "
        "others only predict",
    )
    accuracy: str | None = option(
        None,
        group=SEARCHED,
        metavar="A.parquet|ofa:FILE[@SIZES]",
        help="as in `ofabench search`, with its limits",
    )
    limits: LimitOptions = nested(LimitOptions, group=SEARCHED)
    allow_extrapolated: bool = allow_extrapolated(group=SEARCHED)
    deploy: DeployOptions = nested(DeployOptions)
    device: DeviceOptions = nested(DeviceOptions, defaults={"device": "cpu"})
    out: Path = option(metavar="FOLDER", help="folder to make")

    def check(self) -> None:
        """Require a network, or a search for one."""
        if self.accuracy is None:
            self._check_no_limits()
            return
        self.limits.check_confidence()
        if self.pick is not None:
            raise InputError("--accuracy searches for one network: leave --pick out")
        if self.checkpoint is None or self.arch is not None or self.result is not None:
            raise InputError(
                "--accuracy searches the --checkpoint for a network: leave --arch, --network and "
                "--result out, or leave --accuracy out"
            )

    def _check_no_limits(self) -> None:
        defaults = LimitOptions().to_dict()
        for name, value in self.limits.to_dict().items():
            if value != defaults[name]:
                option = "--" + name.replace("_", "-")
                raise InputError(
                    f"{option} limits a search, which needs --accuracy, in place of --arch"
                )
