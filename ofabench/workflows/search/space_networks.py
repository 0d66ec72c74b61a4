"""Networks of others as members of our spaces, and networks of ours as others write them."""

import argparse
import json
from typing import Any

from bench.errors import InputError


def run_check(args: argparse.Namespace) -> int:
    """Print each network's counts and the space that holds it."""
    from supernet.published.published import member_of, read_networks, shipped_spaces
    from supernet.space.space import SearchSpace

    spaces = [SearchSpace.load(name) for name in args.space] if args.space else shipped_spaces()
    rows = []
    for network in read_networks(args.networks, spaces, args.resolution):
        member = member_of(network, spaces)
        row: dict[str, Any] = {
            "name": network.name,
            "params": network.params,
            "macs": network.macs,
            "published_params": network.published_params,
            "published_macs": network.published_macs,
            "resolution": network.resolution,
            "space": member and member.space,
            "arch": member and member.arch.to_json(),
        }
        rows.append(row)
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(_line("network", "params M", "(published)", "MACs M", "(published)", "space"))
    for row in rows:
        params, macs = f"{row['params'] / 1e6:.2f}", f"{row['macs'] / 1e6:.1f}"
        published = _millions(row["published_params"]), _millions(row["published_macs"])
        space = row["space"] or "-"
        print(_line(row["name"], params, published[0], macs, published[1], space))
    return 0


def run_export_net(args: argparse.Namespace) -> int:
    """Write one network as the JSON that OFA's code builds networks from."""
    from bench.files import write_text
    from supernet.published.net_config_export import net_config
    from supernet.search.result_file import read_network
    from supernet.space.space import SearchSpace

    given = None if args.space is None else SearchSpace.load(args.space)
    found = read_network(args.arch, args.pick, given)
    space = given or SearchSpace.load(found.space)
    if found.space != space.name:
        raise InputError(
            f"{args.arch} holds a network of {found.space}, --space is {space.name}: "
            "give the space of the network"
        )
    text = json.dumps(net_config(space.blocks(space.canonical(found.arch))), indent=4) + "\n"
    if args.out is None:
        print(text, end="")
    else:
        write_text(args.out, text)
    return 0


def _line(*cells: str) -> str:
    widths = (45, -9, -11, -9, -11, 0)
    padded = [
        cell.ljust(width) if width >= 0 else cell.rjust(-width)
        for cell, width in zip(cells, widths, strict=True)
    ]
    return " ".join(padded)


def _millions(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:g}"
