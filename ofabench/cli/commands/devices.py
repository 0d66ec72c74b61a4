"""`ofabench devices`: list the devices that can be measured here, with facts."""

import json
from dataclasses import dataclass

from bench.options import Options, nested
from ofabench.cli.derived.command import Command
from ofabench.options import shared
from ofabench.options.device import DeviceOptions
from ofabench.options.devices import DevicesOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesCommand(Options):
    """Options of `ofabench devices`."""

    devices: DevicesOptions = nested(DevicesOptions)
    json: bool = shared.json()


def run(options: DevicesCommand) -> int:
    """Print each device, its backends, and its facts."""
    from ofabench.workflows.devices import device_info, devices

    address = options.devices.device
    chosen = DeviceOptions(device=address, ssh=options.devices.ssh)
    listed = devices() if address is None else [device_info(address, chosen)]
    if options.json:
        print(json.dumps([device.to_dict() for device in listed], indent=2))
        return 0
    for device in listed:
        print(f"{device.address}  {device.slug}  {device.state}")
        for name, version in device.backends.items():
            print(f"  --backend {name:<20} {version or 'not installed'}")
        for name, value in device.facts.items():
            print(f"  {name:<30} {'-' if value is None else value}")
        _show_published(device.facts.get("model"))
    if address is None:
        print("ssh:USER@HOST  boards and servers are not listed: any host that `ssh` reaches")
    return 0


def _show_published(model: object) -> None:
    """Print published measurements of such a phone, if there are any."""
    from bench.devices.android.facts.presets import preset_of

    preset = preset_of(model)
    if preset is None:
        return
    print(f"  published for {preset.maker}, {preset.soc} (OFA's authors, batch 1):")
    for network in preset.published:
        print(
            f"    {network.latency_ms:6.0f} ms  {network.macs_m:5.0f} M MACs at "
            f"{network.resolution} px, "
            f"top-1 {network.top1:.1f} %"
        )


COMMAND = Command(
    name="devices",
    help="list the devices that can be measured here, with facts",
    options=DevicesCommand,
    run=run,
)
