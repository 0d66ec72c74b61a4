"""`ofabench devices`: what can be measured from here, with facts."""

import json
from dataclasses import dataclass

from bench.options import Options, nested
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.devices import DevicesOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesCommand(Options):
    """Which devices are described, and how that is printed."""

    devices: DevicesOptions = nested(DevicesOptions)
    json: bool = shared.json()


def run(options: DevicesCommand) -> int:
    """Print each device, the backends that run on it, and its facts."""
    from ofabench.workflows.devices import device_info, devices

    only = options.devices.device
    listed = devices() if only is None else [device_info(only)]
    if options.json:
        print(json.dumps([each.to_dict() for each in listed], indent=2))
        return 0
    for device in listed:
        print(f"{device.address}  {device.slug}  {device.state}")
        for name, version in device.backends.items():
            print(f"  --backend {name:<20} {version or 'not installed'}")
        for name, value in device.facts.items():
            print(f"  {name:<30} {'-' if value is None else value}")
        _show_published(device.facts.get("model"))
    return 0


def _show_published(model: object) -> None:
    """Print what others measured on such a phone, where that is known."""
    from bench.devices.android.facts.presets import preset_of

    preset = preset_of(model)
    if preset is None:
        return
    print(f"  published for {preset.maker}, {preset.soc} (OFA's authors, batch 1):")
    for net in preset.published:
        print(
            f"    {net.latency_ms:6.0f} ms  {net.macs_m:5.0f} M MACs at {net.resolution} px, "
            f"top-1 {net.top1:.1f} %"
        )


COMMAND = Command(
    name="devices",
    help="what can be measured from here, with facts",
    options=DevicesCommand,
    run=run,
)
