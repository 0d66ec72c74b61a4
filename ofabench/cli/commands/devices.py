"""`ofabench devices`: what can be measured from here, with facts."""

import argparse
import json
import sys

from ofabench.cli.arguments import add_json


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `devices`."""
    parser = subparsers.add_parser("devices", help="what can be measured from here, with facts")
    parser.add_argument("--device", metavar="D", help="only this one, with its facts: adb:SERIAL")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print each device, the backends that run on it, and its facts."""
    from contextlib import closing

    from bench.devices.registry import describe, found_devices, get_device

    if args.device is not None:
        with closing(get_device(args.device)) as device:
            found = [describe(device)]
    else:
        found = found_devices(_tell)
    if args.json:
        print(json.dumps([device.to_json() for device in found], indent=2))
        return 0
    for one in found:
        print(f"{one.address}  {one.slug}  {one.state}")
        for name, version in one.backends.items():
            print(f"  --backend {name:<20} {version or 'not installed'}")
        for name, value in one.facts.items():
            print(f"  {name:<30} {'-' if value is None else value}")
        _show_published(one.facts.get("model"))
    return 0


def _tell(words: str) -> None:
    print(f"ofabench: {words}", file=sys.stderr)


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
