"""Networks of other formats as members of a space, and the reverse."""

import json
from typing import Any

from bench.errors import InputError
from ofabench.options.space import SpaceCheckOptions, SpaceExportNetOptions


def check_networks(options: SpaceCheckOptions) -> list[dict[str, Any]]:
    """Return each network's counts and the space that holds it, as JSON values."""
    from supernet.published.published import member_of, read_networks, shipped_spaces
    from supernet.space.space import SearchSpace

    spaces = [SearchSpace.load(name) for name in options.space] or shipped_spaces()
    rows = []
    for network in read_networks(options.networks, spaces, options.resolution):
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
    return rows


def ofa_network(options: SpaceExportNetOptions) -> str:
    """Return one network as the JSON that OFA's code builds networks from."""
    from supernet.published.net_config_export import net_config
    from supernet.search.result_file import read_network
    from supernet.space.space import SearchSpace

    given = None if options.space is None else SearchSpace.load(options.space)
    found = read_network(options.arch, options.pick, given)
    space = given or SearchSpace.load(found.space)
    if found.space != space.name:
        raise InputError(
            f"{options.arch} holds a network of {found.space}, --space is {space.name}: "
            "give the space of the network"
        )
    return json.dumps(net_config(space.blocks(space.canonical(found.arch))), indent=4) + "\n"
