"""Networks of other formats as members of a space, and back."""

import json
from typing import Any

from bench.errors import InputError
from ofabench.options.space import SpaceCheckOptions, SpaceExportNetOptions


def check_networks(options: SpaceCheckOptions) -> list[dict[str, Any]]:
    """Return each network's MACs, parameters and space, as JSON values."""
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
    """Return one network as the JSON from which OFA's code builds networks."""
    from supernet.published.net_config_export import net_config
    from supernet.search.result_file import read_network
    from supernet.space.space import SearchSpace

    named_space = None if options.space is None else SearchSpace.load(options.space)
    network = read_network(options.arch, options.pick, named_space)
    space = named_space or SearchSpace.load(network.space)
    if network.space != space.name:
        raise InputError(
            f"{options.arch} holds a network of {network.space}, --space is {space.name}: "
            "give the space of the network"
        )
    return json.dumps(net_config(space.blocks(space.canonical(network.arch))), indent=4) + "\n"
