"""Picture of a profile: a bar an operator."""

from collections.abc import Sequence
from pathlib import Path

from bench.errors import FileError
from bench.extras import check_extra
from bench.files import write_atomically
from bench.operators.profile import OperatorTime

KINDS = 9  # that have a colour; the rest share one
SUFFIXES = (".png", ".svg", ".pdf")


def draw(operators: Sequence[OperatorTime], title: str, path: Path) -> None:
    """Draw operators in the order of execution, coloured by kind, into a PNG, SVG or PDF file."""
    check_extra("matplotlib", "pictures of profiles need")
    if path.suffix not in SUFFIXES:
        raise FileError(f"{path} is not a picture's name: expected {', '.join(SUFFIXES)}")
    from matplotlib.figure import Figure

    times: dict[str, float] = {}
    for each in operators:
        times[each.kind] = times.get(each.kind, 0.0) + each.ms
    named = sorted(times, key=lambda kind: -times[kind])[:KINDS]
    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    for number, kind in enumerate([*named, "others"]):
        places = [
            place
            for place, each in enumerate(operators)
            if each.kind == kind or (kind == "others" and each.kind not in named)
        ]
        if places:
            axes.bar(places, [operators[i].ms for i in places], color=f"C{number}", label=kind)
    axes.set(title=title, xlabel="operator, in order of execution", ylabel="ms")
    axes.legend(fontsize="small")
    kind = path.suffix.removeprefix(".")
    write_atomically(path, lambda temporary: figure.savefig(temporary, format=kind))
