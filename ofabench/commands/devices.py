"""`ofabench devices`: what can be measured from here, with facts."""

import argparse
import json

from ofabench.arguments import add_json


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `devices`."""
    parser = subparsers.add_parser("devices", help="what can be measured from here, with facts")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print each device, the backends that run on it, and its facts."""
    from bench.devices.registry import found_devices

    found = found_devices()
    if args.json:
        print(json.dumps([device.to_json() for device in found], indent=2))
        return 0
    for device in found:
        print(f"{device.address}  {device.slug}")
        for name, version in device.backends.items():
            print(f"  --backend {name:<20} {version or 'not installed'}")
        for name, value in device.facts.items():
            print(f"  {name:<30} {'-' if value is None else value}")
    return 0
