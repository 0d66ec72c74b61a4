"""The request to a worker: a function and its options, as JSON."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any, Self

from bench.errors import InputError
from bench.options import Options
from bench.protocol.progress import Progress

Function = Callable[[Any, Progress], object]


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """A function and its options, both by name, as they travel to a worker.

    `function` and `options_class` are written `module:name`; `options` holds plain values.
    """

    function: str
    options_class: str
    options: Mapping[str, Any]

    @classmethod
    def of(cls, function: Function, options: Options) -> Self:
        """Name a function and its options; `InputError` for what another process cannot import."""
        return cls(
            function=_name(function), options_class=_name(type(options)), options=options.to_dict()
        )

    def call(self, progress: Progress) -> Any:
        """Import the function, make its options, and call it."""
        options = _named(self.options_class).from_dict(self.options)
        return plain(_named(self.function)(options, progress))


def plain(result: Any) -> Any:
    """Return what `to_dict` of a result gives, where it has that."""
    to_dict = getattr(result, "to_dict", None)
    return result if to_dict is None else to_dict()


def _name(thing: Any) -> str:
    module, name = thing.__module__, thing.__qualname__
    if not name.isidentifier() or module == "__main__":
        raise InputError(
            f"{module}.{name} cannot run in another process: expected a function or a class at the "
            "top of a module that can be imported"
        )
    return f"{module}:{name}"


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
