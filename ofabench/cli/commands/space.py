"""`ofabench space`: list and show spaces, draw networks, check networks of a file."""

import json
import sys

from ofabench.cli.derived.command import Command, CommandGroup
from ofabench.options.space import (
    SpaceCheckOptions,
    SpaceExportNetOptions,
    SpaceListOptions,
    SpaceSampleOptions,
    SpaceShowOptions,
)

_CHECK = """\
FILE.json is a JSON list of networks with their shapes: name, net (MobileNetV3 or ProxylessNASNets),
resolution, stem_out, final_expand, feature_mix, and blocks, each with in_channels, mid,
out_channels, kernel, stride, act, se and residual; params_m and macs_m are the published counts,
in millions. Also accepted: archs files, one {"space": ..., "resolution": ..., "depths": ...} in
each line; networks as OFA prints them, {"ks": ..., "e": ..., "d": ..., "r": [224]} (without a
space, all spaces with such a network are shown); and OFA's network JSON (net.config) or a list of
these, with the resolution from image_size, from a run.config in the same folder, or from
--resolution. --json also prints the architecture of each network in its space.
"""
_SHOW = """\
A space is a TOML file; `show tiny --toml` prints one to start from, and `--space FILE.toml` is
accepted wherever a name is. Its keys (details in docs/reference/spaces.md):

"""


def _list(options: SpaceListOptions) -> int:
    """Print the shipped spaces."""
    from supernet.published.published import shipped_spaces
    from supernet.space.summary import space_headline

    spaces = [space_headline(space) for space in shipped_spaces()]
    if options.json:
        print(json.dumps(spaces, indent=2))
        return 0
    for space in spaces:
        low, high = space["resolutions"][0], space["resolutions"][-1]
        print(
            f"{space['name']:20} {space['networks']:.3g} networks at each of "
            f"{len(space['resolutions'])} resolutions, {low} to {high} px"
        )
    return 0


def _show(options: SpaceShowOptions) -> int:
    """Print the choices, sizes and blocks of one space."""
    from ofabench.workflows.space import load_space
    from supernet.space.summary import space_facts, space_summary

    space = load_space(options.space)
    if options.toml:
        print(space.text, end="")
        return 0
    summary = space_summary(space)
    if options.json:
        print(json.dumps(summary, indent=2))
        return 0
    for name, text in space_facts(summary):
        print(f"{name:14} {text}")
    return 0


def _sample(options: SpaceSampleOptions) -> int:
    """Write distinct random networks, one in each line."""
    from bench.files import write_text
    from ofabench.workflows.search.space_sample import sample_networks

    space, archs = sample_networks(options)
    lines = "".join(space.to_line(arch) + "\n" for arch in archs)
    if options.out is None:
        print(lines, end="")
        return 0
    write_text(options.out, lines)
    print(f"{len(archs)} networks of {space.name}: {options.out}", file=sys.stderr)
    return 0


def _check(options: SpaceCheckOptions) -> int:
    """Print each network's MACs and parameters, and its space."""
    from ofabench.workflows.search.space_networks import check_networks
    from ofabench.workflows.text_table import text_table

    rows = check_networks(options)
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    cells = [("network", "params M", "(published)", "MACs M", "(published)", "space")]
    for row in rows:
        params, macs = f"{row['params'] / 1e6:.2f}", f"{row['macs'] / 1e6:.1f}"
        published = _millions(row["published_params"]), _millions(row["published_macs"])
        space = row["space"] or "-"
        cells.append((row["name"], params, published[0], macs, published[1], space))
    print(*text_table(cells, left={0, 5}), sep="\n")
    return 0


def _export_net(options: SpaceExportNetOptions) -> int:
    """Write one network as the JSON from which OFA's code builds networks."""
    from bench.files import write_text
    from ofabench.workflows.search.space_networks import ofa_network

    text = ofa_network(options)
    if options.out is None:
        print(text, end="")
    else:
        write_text(options.out, text)
    return 0


def _millions(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:g}"


def _show_description() -> str:
    """The description of `show`, with every key of a space's TOML."""
    from supernet.space.space_keys import reference

    return _SHOW + reference()


COMMAND = CommandGroup(
    name="space",
    help="list and show spaces; count parameters and MACs of networks",
    commands=(
        Command(name="list", help="list the shipped spaces", options=SpaceListOptions, run=_list),
        Command(
            name="show",
            help="show choices, sizes and blocks of one space",
            description=_show_description,
            options=SpaceShowOptions,
            run=_show,
            raw=True,
        ),
        Command(
            name="sample",
            help="write random networks of a space as an archs file",
            description="Networks are distinct. Each choice (resolution, depths, then kernels and "
            "expansion ratios of the present blocks) is drawn uniformly and independently, as in "
            "the training of once-for-all networks; so shallow networks are more frequent than "
            "their share of the space. A larger draw with the same seed begins with the smaller "
            "one.",
            options=SpaceSampleOptions,
            run=_sample,
        ),
        Command(
            name="check",
            help="count MACs and parameters of networks in a file, and find their spaces",
            description=_CHECK,
            options=SpaceCheckOptions,
            run=_check,
            raw=True,
        ),
        Command(
            name="export-net",
            help="write a network as OFA's net.config (JSON)",
            options=SpaceExportNetOptions,
            run=_export_net,
        ),
    ),
)
