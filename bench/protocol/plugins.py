"""Implementations from other packages, by name: registered in Python, or by entry points."""

import logging
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import FunctionType
from typing import Any, Generic, TypeVar

from bench.errors import InputError, OfabenchError, PluginError, first_line

logger = logging.getLogger(__name__)
T = TypeVar("T")
Factory = Callable[..., Any]
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plugins(Generic[T]):
    """Factories of one kind of object, by name.

    `kind` is the kind's name in messages, `group` the entry point group, `protocol` what each
    object implements, `built_in` the reserved names.
    """

    kind: str
    group: str
    protocol: type
    built_in: Collection[str]
    _registered: dict[str, Factory] = field(default_factory=dict)

    def register(self, name: str, factory: Factory) -> None:
        """Add a factory under a name.

        Registering the same function or class again, as a notebook does, replaces it. Raises
        `InputError` for a name that is reserved or invalid, or for a factory that cannot be called.
        """
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise InputError(
                f"the name of a {self.kind} is {name!r:.80}, expected lowercase letters, digits, "
                "- and _, beginning with a letter"
            )
        if not callable(factory):
            raise InputError(
                f"the {self.kind} {name} is registered with {factory!r:.80}, expected a class or "
                "a function that makes one"
            )
        if name in self.built_in:
            raise InputError(f"the {self.kind} {name} is built in; register another name")
        known = self._registered.get(name)
        if known is not None and _origin(known) != _origin(factory):
            raise InputError(
                f"the {self.kind} {name} is registered already, by {_origin(known)}; "
                "register another name"
            )
        self._registered[name] = factory

    def clear(self) -> None:
        """Remove all registered factories; entry points stay."""
        self._registered.clear()

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted, without loading any; a reserved name is logged and skipped."""
        names = set(self._registered)
        for entry_point in entry_points(group=self.group):
            if entry_point.name in self.built_in:
                logger.warning(
                    "the %s %s of the package %s is ignored: that name is built in",
                    self.kind,
                    entry_point.name,
                    _package(entry_point),
                )
            else:
                names.add(entry_point.name)
        return tuple(sorted(names))

    def factory(self, name: str) -> Factory | None:
        """Return the factory of a name, None if there is none.

        Raises `PluginError` if its package cannot be imported, or if two packages have the name.
        """
        if name in self._registered:
            return self._registered[name]
        matches = tuple(entry_points(group=self.group, name=name))
        if not matches:
            return None
        if len(matches) > 1:
            packages = " and ".join(sorted(_package(match) for match in matches))
            raise PluginError(
                f"the {self.kind} {name} is in the packages {packages}; uninstall all but one"
            )
        where = f"the {self.kind} {name} of the package {_package(matches[0])}"
        factory = self.guarded(where, "be loaded", matches[0].load)
        if not callable(factory):
            raise PluginError(
                f"{where} is {factory!r:.80}, expected a class or a function that makes one"
            )
        return factory  # type: ignore[no-any-return]

    def make(self, name: str, *args: object, **options: object) -> T | None:
        """Return a new object of a name, None if no plug-in has the name.

        Raises `PluginError` if it cannot be created, or lacks members of the protocol.
        """
        factory = self.factory(name)
        if factory is None:
            return None
        where = f"the {self.kind} {name} ({_origin(factory)})"
        plugin = self.guarded(where, "be made", lambda: factory(*args, **options))
        absent = self.guarded(where, "be used", lambda: lacking(plugin, self.protocol))
        if absent:
            raise PluginError(
                f"{where} lacks {', '.join(absent)}; see "
                f"{self.protocol.__module__}.{self.protocol.__name__}"
            )
        return plugin  # type: ignore[no-any-return]

    def guarded(self, where: str, action: str, run: Callable[[], Any]) -> Any:
        """Run code of another package; any exception becomes a one-line `PluginError`."""
        try:
            return run()
        except OfabenchError:
            raise
        except Exception as error:  # code of another package may raise anything
            raise PluginError(
                f"{where} cannot {action} ({type(error).__name__}: {first_line(error)}); "
                "correct it, or uninstall its package"
            ) from error


def _origin(factory: Factory) -> str:
    """Return where a factory is defined, for messages and to recognise it."""
    name = getattr(factory, "__qualname__", type(factory).__qualname__)
    return f"{getattr(factory, '__module__', '?')}.{name}"


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else entry_point.module


def lacking(plugin: object, protocol: type) -> list[str]:
    """Return the members of a protocol that an object lacks, methods with parentheses.

    Every attribute of the protocol must be a string.
    """
    members = {**getattr(protocol, "__annotations__", {}), **vars(protocol)}
    absent = []
    for name, member in members.items():
        if name.startswith("_"):
            continue
        value = getattr(plugin, name, None)
        if isinstance(member, FunctionType):
            if not callable(value):
                absent.append(f"{name}()")
        elif not isinstance(value, str):
            absent.append(name)
    return absent
