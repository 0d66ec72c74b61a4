"""`SearchSpace`: a space of networks read from TOML, and its mapping of networks to blocks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from bench.blocks.spec import BlockSpec
from bench.errors import InputError
from bench.files import parse_toml, toml_text
from bench.notebook.html_table import facts_html
from bench.reading import from_plain
from supernet.space.arch import ArchConfig, parse_line
from supernet.space.codes import Codes, Layout
from supernet.space.encoding import codes_of_frame, decode, encode
from supernet.space.families import lay
from supernet.space.shared_blocks import BlockPlace, Position, Unit, count_options, position_of
from supernet.space.summary import space_facts, space_summary
from supernet.space.tables import TABLES, read_choices

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ArchConfig", "BlockPlace", "Codes", "Position", "SearchSpace", "Unit", "parse_line"]

# Largest number of block options, which are all listed: takes about 1 s. OFA's spaces have 16,000.
MOST_OPTIONS = 100_000


def space_names() -> list[str]:
    """Names of the shipped spaces, sorted."""
    folder = resources.files("supernet.space.shipped")
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name[-5:] == ".toml")


@dataclass(frozen=True)
class _Family:
    family: Literal["mbconv", "resnet", "single"]


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """All choices of a family of sub-networks, read from TOML.

    `text` is that TOML, so that files made from a space can contain it (`from_toml`). `norm_eps` is
    the epsilon of its networks' norms.
    """

    name: str
    family: str
    resolutions: tuple[int, ...]
    classes: int
    in_channels: int
    norm_eps: float
    units: tuple[Unit, ...] = field(repr=False)
    layout: Layout = field(repr=False)
    text: str = field(repr=False, compare=False)

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """Load a shipped space by its name, or one from a `.toml` file.

        `InputError` names the known spaces, or the wrong field of the file. Raises `FileError`
        where the file cannot be read.
        """
        name = str(name_or_path)
        if name.endswith(".toml"):
            space = cls.from_toml(toml_text(Path(name_or_path)), name)
            if space.name in space_names() and space != cls.load(space.name):
                # Lines and tables name their space, so names must be unique.
                raise InputError(f"{name}: name is {space.name!r}, which ofabench ships; rename it")
            return space
        names = space_names()
        if name not in names:
            raise InputError(f"unknown space {name!r}; known: {', '.join(names)}, or a .toml file")
        file = resources.files("supernet.space.shipped") / f"{name}.toml"
        return cls.from_toml(file.read_text(encoding="utf-8"), name)

    @classmethod
    def from_toml(cls, text: str, where: str = "space") -> Self:
        """Read a space from TOML text; `where` names its source in the errors (`InputError`)."""
        data = parse_toml(text, where)
        family = from_plain(_Family, data, where, other_keys=True).family
        table = from_plain(TABLES[family], data, where, decode=read_choices)
        family_layout = lay(table, where)
        options = sum(count_options(unit, family_layout.layout) for unit in family_layout.units)
        if options > MOST_OPTIONS:
            raise InputError(
                f"{where}: its networks have {options} blocks to choose from, expected at most "
                f"{MOST_OPTIONS}; give fewer resolutions, or fewer choices a stage"
            )
        return cls(
            name=table.name,
            family=table.family,
            resolutions=tuple(table.resolutions),
            classes=table.classes,
            in_channels=table.in_channels,
            norm_eps=table.norm_eps,
            units=family_layout.units,
            layout=family_layout.layout,
            text=text,
        )

    @classmethod
    def single(cls, name: str, blocks: Sequence[BlockSpec], norm_eps: float) -> Self:
        """Return the space whose only network has these blocks, without any choice."""
        keys = json.dumps([spec.key for spec in blocks])
        head = f'name = {json.dumps(name)}\nfamily = "single"\nnorm_eps = {norm_eps!r}'
        return cls.from_toml(f"{head}\nblocks = {keys}\n", name)

    def _repr_html_(self) -> str:
        facts = dict(space_facts(space_summary(self)))
        return facts_html(f"Space {facts.pop('name')}", facts.items())

    # Networks.

    def largest(self, resolution: int | None = None) -> ArchConfig:
        """Return the network of every largest choice, at the largest or the given resolution."""
        return self._extreme(-1, resolution)

    def smallest(self, resolution: int | None = None) -> ArchConfig:
        """Return the network of every smallest choice, at the smallest or the given resolution."""
        return self._extreme(0, resolution)

    def sample(
        self, rng: np.random.Generator, n: int, resolutions: Sequence[int] | None = None
    ) -> list[ArchConfig]:
        """Draw `n` networks with uniform choices, as OFA does, optionally of some `resolutions`."""
        return self.decode(self.sample_codes(rng, n, resolutions))

    def canonical(self, arch: ArchConfig) -> ArchConfig:
        """Set the choices of absent blocks to 0; `InputError` for a network outside the space."""
        return self.decode(self.encode([arch]))[0]

    def check(self, arch: ArchConfig) -> None:
        """Raise `InputError`, naming the choice, if `arch` is not in the space."""
        self.encode([arch])

    def count(self) -> int:
        """Return the exact number of networks of one resolution."""
        return self.layout.count()

    def with_resolutions(self, resolutions: Sequence[int]) -> Self:
        """Return a copy with only these resolutions, under the same name."""
        selected = tuple(sorted(set(self._within(resolutions) or self.resolutions)))
        return replace(self, resolutions=selected, layout=self.layout.with_resolutions(selected))

    # Encodings, (n, columns) int16; see supernet.space.codes.

    @property
    def columns(self) -> list[str]:
        """Names of the encoding's columns, as in a networks table."""
        return self.layout.names

    def encode(self, archs: Sequence[ArchConfig]) -> Codes:
        """Return canonical codes of `archs`, (n, columns).

        Raises `InputError` for one outside the space.
        """
        return encode(self.layout, archs, self.name)

    def decode(self, codes: Codes) -> list[ArchConfig]:
        """Return the networks of canonical codes."""
        return decode(self.layout, codes)

    def check_codes(self, codes: Codes) -> None:
        """Raise `InputError` for the first code that the space does not allow."""
        self.layout.check(codes, self.name)

    def sample_codes(
        self, rng: np.random.Generator, n: int, resolutions: Sequence[int] | None = None
    ) -> Codes:
        """Draw `n` networks as codes; see `sample`."""
        return self.layout.sample(rng, n, self._within(resolutions))

    def mutate_codes(
        self,
        codes: Codes,
        rng: np.random.Generator,
        p: float,
        resolutions: Sequence[int] | None = None,
    ) -> Codes:
        """Redraw each choice with probability `p`; all choices of a new block are drawn."""
        return self.layout.mutate(codes, rng, p, self._within(resolutions))

    # Tables and lines.

    def to_frame(self, archs: Sequence[ArchConfig]) -> "pd.DataFrame":
        """Return networks as a table of codes with the space's columns."""
        return self.frame_of(self.encode(archs))

    def from_frame(self, frame: "pd.DataFrame") -> list[ArchConfig]:
        """Return the networks of a table.

        Choices of absent blocks and other columns are ignored.
        """
        return self.decode(self.codes_of(frame))

    def frame_of(self, codes: Codes) -> "pd.DataFrame":
        """Return codes as a table with a column per choice."""
        import pandas as pd

        return pd.DataFrame(codes, columns=self.columns)

    def codes_of(self, frame: "pd.DataFrame") -> Codes:
        """Return canonical codes of a networks table; `InputError` names a wrong column or code."""
        return codes_of_frame(self.layout, frame, self.name)

    def to_line(self, arch: ArchConfig) -> str:
        """Return a line of an archs file: JSON with the space's name, as `parse_line` reads it."""
        return json.dumps({"space": self.name, **self.canonical(arch).to_json()})

    def from_line(self, text: str) -> ArchConfig:
        """Read a line of an archs file; `InputError` if it is of another space."""
        name, arch = parse_line(text)
        if name != self.name:
            raise InputError(f"the line is of the space {name!r}, expected {self.name!r}")
        return self.canonical(arch)

    # Blocks.

    def named_blocks(self, arch: ArchConfig) -> tuple[tuple[str, BlockSpec], ...]:
        """Return the blocks of a network in order, each with the name of its unit.

        Raises `InputError` where `arch` is not in the space.
        """
        row = self.encode([arch])[0].tolist()
        blocks = []
        for position, options in self._options:
            for spec in options[tuple(row[column] for column in position.columns)]:
                blocks.append((position.name, spec))
        return tuple(blocks)

    def blocks(self, arch: ArchConfig) -> tuple[BlockSpec, ...]:
        """Return the blocks of a network in order."""
        return tuple(spec for _, spec in self.named_blocks(arch))

    def unit_specs(self, resolution: int | None = None) -> dict[str, BlockSpec]:
        """Return the largest block of each unit, in order."""
        return dict(self.named_blocks(self.largest(resolution)))

    @cached_property
    def unit_places(self) -> dict[str, BlockPlace | None]:
        """Position of each unit among the elastic stages; None outside them."""
        return {unit.name: unit.place for unit in self.units}

    @cached_property
    def choices(self) -> tuple[Position, ...]:
        """All positions of a network with their options, for vectorized evaluation."""
        return tuple(position_of(unit, self.layout) for unit in self.units)

    def unique_blocks(self, resolutions: Sequence[int] | None = None) -> tuple[BlockSpec, ...]:
        """Return the distinct blocks of networks of these resolutions, in order."""
        allowed = set(self._within(resolutions) or self.resolutions)
        return tuple(
            {
                spec: None
                for position in self.choices
                for values, specs in position.options
                if values[0] in allowed
                for spec in specs
            }
        )

    @cached_property
    def _options(self) -> list[tuple[Position, dict[tuple[int, ...], tuple[BlockSpec, ...]]]]:
        return [(position, dict(position.options)) for position in self.choices]

    def _extreme(self, index: int, resolution: int | None) -> ArchConfig:
        row = [column.values[index] for column in self.layout.columns]
        if resolution is not None:
            (row[0],) = self._within((resolution,)) or row[:1]
        return self.decode(self.layout.canonical(np.array([row], dtype=np.int16)))[0]

    def _within(self, resolutions: Sequence[int] | None) -> Sequence[int] | None:
        for resolution in resolutions or ():
            if resolution not in self.resolutions:
                available = ", ".join(map(str, self.resolutions))
                raise InputError(f"{self.name} has no resolution {resolution}, it has {available}")
        return resolutions
