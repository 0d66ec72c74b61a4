"""`ofabench phone`: what is pushed to phones, built and kept on this machine."""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ofabench.cli.arguments import add_json

if TYPE_CHECKING:
    from bench.devices.android.runner.bundle import Bundle


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser("phone", help="build what is pushed to phones")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    bundle = actions.add_parser(
        "bundle",
        help="the runner with its libraries",
        description="Build the runner and what it needs from package registries: LiteRT's library "
        "by pip, glibc by apt or from --debs. It is kept and used again; a sweep builds it by "
        "itself where it is missing.",
    )
    bundle.add_argument(
        "--abi",
        choices=("arm64-v8a", "x86_64"),
        default="arm64-v8a",
        help="the processor; x86_64 is this machine's, for tests (default arm64-v8a)",
    )
    bundle.add_argument(
        "--debs", type=Path, metavar="FOLDER", help="Debian's arm64 packages, where apt is not"
    )
    bundle.add_argument("--compiler", metavar="gcc|zig|PATH", help="default: what is there")
    bundle.add_argument("--out", type=Path, metavar="FOLDER", help="a copy, in a folder to make")
    add_json(bundle)
    bundle.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build the bundle and tell what is in it."""
    from bench.devices.android.runner.bundle import ensure_bundle
    from bench.errors import FileError
    from bench.files import make_folder

    if args.out is not None and args.out.exists():
        raise FileError(f"{args.out} exists; name a folder that does not, or remove it")
    bundle = ensure_bundle(args.abi, debs=args.debs, compiler=args.compiler, tell=_tell)
    folder = bundle.folder
    if args.out is not None:
        with make_folder(args.out) as made:
            shutil.copytree(bundle.folder, made, dirs_exist_ok=True)
        folder = args.out
    if args.json:
        print(json.dumps({"folder": str(folder), **bundle.to_json()}))
    else:
        _show(bundle, folder)
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(bundle: "Bundle", folder: Path) -> None:
    print(f"{folder}: LiteRT {bundle.litert_version} for {bundle.abi}, by {bundle.compiler}")
    sizes = {name: (folder / name).stat().st_size for name in bundle.files}
    for name, size_bytes in sizes.items():
        print(f"  {name:<24} {size_bytes / 1e6:6.1f} MB  sha256 {bundle.files[name][:16]}")
    print(f"  {'together':<24} {sum(sizes.values()) / 1e6:6.1f} MB")
