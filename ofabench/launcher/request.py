"""Request to a worker: a function and its options, as JSON."""

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
    """A function and its options, by name, for a worker.

    `function` and `options_class` have the form `module:name`; `options` holds plain values.
    """

    function: str
    options_class: str
    options: Mapping[str, Any]

    @classmethod
    def of(cls, function: Function, options: Options) -> Self:
        """Return the request; `InputError` if another process cannot import the function."""
        return cls(
            function=_name(function), options_class=_name(type(options)), options=options.to_dict()
        )

    def call(self, progress: Progress) -> Any:
        """Import the function, create its options, and call it."""
        options = _imported(self.options_class).from_dict(self.options)
        return plain(_imported(self.function)(options, progress))


def plain(result: Any) -> Any:
    """Return a result's `to_dict()` if it has one, else the result."""
    to_dict = getattr(result, "to_dict", None)
    return result if to_dict is None else to_dict()


def _name(target: Any) -> str:
    module, name = target.__module__, target.__qualname__
    if not name.isidentifier() or module == "__main__":
        raise InputError(
            f"{module}.{name} cannot run in another process: expected a function or a class at the "
            "top of a module that can be imported"
        )
    return f"{module}:{name}"


def _imported(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)
