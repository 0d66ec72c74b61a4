"""`ofabench space`: the spaces, and whether networks of a file are members of them."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ofabench.cli.arguments import add_json, add_pick, positive_int, resolutions, seed
from ofabench.workflows.search.space_networks import run_check, run_export_net
from ofabench.workflows.search.space_sample import run_sample
from supernet.space.space_keys import reference

if TYPE_CHECKING:
    from supernet.space.space import SearchSpace

_CHECK = """\
FILE.json is a JSON list of networks by their shapes: name, net (MobileNetV3 or ProxylessNASNets),
resolution, stem_out, final_expand, feature_mix, and blocks, each with in_channels, mid,
out_channels, kernel, stride, act, se and residual; params_m and macs_m are what its publisher
counts, in millions. Archs files will do too, {"space": ..., "resolution": ..., "depths": ...} a
line, as well as networks as OFA prints them, {"ks": ..., "e": ..., "d": ..., "r": [224]} (one that
names no space is shown for each that has one like it), and OFA's network JSON (net.config), or a
list of it: its resolution is its image_size, that of a run.config beside it, or --resolution.
--json tells which network of its space each one is.
"""
_SHOW = """\
A space is a TOML file; `show tiny --toml` prints one to start from, and `--space FILE.toml` works
wherever a name does. Its keys (docs/spaces.md says more):

"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `space list`, `show`, `sample`, `check` and `export-net`."""
    parser = subparsers.add_parser(
        "space", help="the spaces; a network's parameters, MACs, members"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="name the shipped spaces")
    listing.set_defaults(run=run_list)
    show = actions.add_parser(
        "show",
        help="choices, sizes and blocks of one space",
        description=_SHOW + reference(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("space", metavar="NAME|FILE.toml", help="see `ofabench space list`")
    show.add_argument(
        "--toml", action="store_true", help="print the space's TOML, to start one of your own from"
    )
    show.set_defaults(run=run_show)
    _add_sample(actions)
    check = actions.add_parser(
        "check",
        help="count the networks of a file and find the spaces that hold them",
        description=_CHECK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("networks", metavar="FILE.json", type=Path)
    check.add_argument(
        "--space",
        action="append",
        metavar="NAME|FILE.toml",
        help="look in this space (may be given again; default: all shipped ones)",
    )
    check.add_argument(
        "--resolution",
        type=positive_int,
        metavar="PX",
        help="side of the images where the network does not say it",
    )
    check.set_defaults(run=run_check)
    export = actions.add_parser("export-net", help="write a network as OFA's net.config, JSON")
    export.add_argument(
        "--arch",
        required=True,
        type=Path,
        metavar="R.json|A.jsonl",
        help="a search's result, or an archs file of one line",
    )
    add_pick(export)
    export.add_argument(
        "--space",
        metavar="NAME|FILE.toml",
        help="where the network does not name its, or it is not a shipped one",
    )
    export.add_argument("--out", type=Path, metavar="net.config", help="instead of standard output")
    export.set_defaults(run=run_export_net)
    for action in (listing, show, check):
        add_json(action)


def _add_sample(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    sample = actions.add_parser(
        "sample",
        help="write random networks of a space as an archs file",
        description="Networks are distinct. Each choice (resolution, depths, then kernels and "
        "expansion ratios of the blocks that are there) is drawn uniformly and independently, as "
        "in the training of once-for-all networks; so shallow networks are more frequent than "
        "their share of the space. More networks of the same seed begin with the fewer.",
    )
    sample.add_argument("space", metavar="NAME|FILE.toml", help="see `ofabench space list`")
    sample.add_argument(
        "-n", "--networks", type=positive_int, default=100, metavar="N", help="how many (100)"
    )
    sample.add_argument("--seed", type=seed, default=0, help="decides which ones (0)")
    sample.add_argument(
        "--resolutions", type=resolutions, metavar="PX,PX", help="only networks of these"
    )
    sample.add_argument("--out", type=Path, metavar="A.jsonl", help="instead of standard output")
    sample.set_defaults(run=run_sample)


def run_list(args: argparse.Namespace) -> int:
    """Print the shipped spaces."""
    from supernet.published.published import shipped_spaces

    spaces = [_headline(space) for space in shipped_spaces()]
    if args.json:
        print(json.dumps(spaces, indent=2))
        return 0
    for space in spaces:
        low, high = space["resolutions"][0], space["resolutions"][-1]
        print(
            f"{space['name']:20} {space['networks']:.3g} networks at each of "
            f"{len(space['resolutions'])} resolutions, {low} to {high} px"
        )
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Print what one space holds."""
    from supernet.space.space import SearchSpace

    space = SearchSpace.load(args.space)
    if args.toml:
        print(space.text, end="")
        return 0
    columns = {column.name: list(column.values) for column in space.layout.columns}
    shown: dict[str, Any] = {
        **_headline(space),
        "in_channels": space.in_channels,
        "classes": space.classes,
        "unique_blocks": len(space.unique_blocks()),
        "smallest": _size(space, "smallest"),
        "largest": _size(space, "largest"),
        "columns": columns,
    }
    if args.json:
        print(json.dumps(shown, indent=2))
        return 0
    for name in ("name", "family", "networks", "in_channels", "classes", "unique_blocks"):
        print(f"{name.replace('_', ' '):14} {shown[name]}")
    for name in ("smallest", "largest"):
        size = shown[name]
        print(
            f"{name:14} {size['resolution']} px, {size['blocks']} blocks, "
            f"{size['params'] / 1e6:.2f} M parameters, {size['macs'] / 1e6:.1f} M MACs"
        )
    for names, values in _grouped(columns):
        print(f"{names:14} {', '.join(map(str, values))}")
    return 0


def _headline(space: "SearchSpace") -> dict[str, Any]:
    return {
        "name": space.name,
        "family": space.family,
        "resolutions": list(space.resolutions),
        "networks": space.count(),  # of one resolution
    }


def _size(space: "SearchSpace", which: str) -> dict[str, int]:
    arch = space.largest() if which == "largest" else space.smallest()
    blocks = space.blocks(arch)
    return {
        "resolution": arch.resolution,
        "blocks": len(blocks),
        "params": sum(block.params for block in blocks),
        "macs": sum(block.macs for block in blocks),
    }


def _grouped(columns: dict[str, list[int]]) -> list[tuple[str, list[int]]]:
    """Join neighbouring columns of the same choices, so that 46 columns are a few lines."""
    groups: list[tuple[str, str, list[int]]] = []
    for name, values in columns.items():
        same_kind = groups and groups[-1][0].rstrip("0123456789") == name.rstrip("0123456789")
        if same_kind and groups[-1][2] == values:
            groups[-1] = (groups[-1][0], name, values)
        else:
            groups.append((name, name, values))
    return [
        (first if first == last else f"{first}..{last}", values) for first, last, values in groups
    ]
