"""Implementations from other packages by name: registered in Python, or by entry points."""

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
    """Factories of one kind of object by name.

    `kind` is the word for messages, `group` the group of entry points, `protocol` what each object
    implements, `built_in` the names that are taken already.
    """

    kind: str
    group: str
    protocol: type
    built_in: Collection[str]
    _registered: dict[str, Factory] = field(default_factory=dict)

    def register(self, name: str, factory: Factory) -> None:
        """Add a factory under a name.

        Registering one function or class again, as a notebook does, replaces it. `InputError` for
        a name that is taken or that is no name, or a factory that cannot be called.
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
        """Forget what was registered; entry points stay."""
        self._registered.clear()

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted; nothing is loaded. A taken name is logged and left out."""
        names = set(self._registered)
        for each in entry_points(group=self.group):
            if each.name in self.built_in:
                logger.warning(
                    "the %s %s of the package %s is ignored: that name is built in",
                    self.kind,
                    each.name,
                    _package(each),
                )
            else:
                names.add(each.name)
        return tuple(sorted(names))

    def factory(self, name: str) -> Factory | None:
        """Return the factory of a name, None where there is none.

        `PluginError` where its package cannot be imported, or where two packages have the name.
        """
        if name in self._registered:
            return self._registered[name]
        offered = tuple(entry_points(group=self.group, name=name))
        if not offered:
            return None
        if len(offered) > 1:
            packages = " and ".join(sorted(_package(each) for each in offered))
            raise PluginError(
                f"the {self.kind} {name} is in the packages {packages}; uninstall all but one"
            )
        where = f"the {self.kind} {name} of the package {_package(offered[0])}"
        factory = self.guarded(where, "be loaded", offered[0].load)
        if not callable(factory):
            raise PluginError(
                f"{where} is {factory!r:.80}, expected a class or a function that makes one"
            )
        return factory  # type: ignore[no-any-return]

    def make(self, name: str, *args: object, **options: object) -> T | None:
        """Return a new object of a name, None where no plug-in has the name.

        `PluginError` where it cannot be made, or lacks members of the protocol.
        """
        factory = self.factory(name)
        if factory is None:
            return None
        where = f"the {self.kind} {name} ({_origin(factory)})"
        made = self.guarded(where, "be made", lambda: factory(*args, **options))
        absent = self.guarded(where, "be used", lambda: lacking(made, self.protocol))
        if absent:
            raise PluginError(
                f"{where} lacks {', '.join(absent)}; see "
                f"{self.protocol.__module__}.{self.protocol.__name__}"
            )
        return made  # type: ignore[no-any-return]

    def guarded(self, where: str, what: str, call: Callable[[], Any]) -> Any:
        """Call code of another package, whose faults become one line."""
        try:
            return call()
        except OfabenchError:
            raise
        except Exception as error:  # anything may go wrong in code that is not ours
            raise PluginError(
                f"{where} cannot {what} ({type(error).__name__}: {first_line(error)}); "
                "correct it, or uninstall its package"
            ) from error


def _origin(factory: Factory) -> str:
    """Where a factory is defined, for messages and to know it again."""
    name = getattr(factory, "__qualname__", type(factory).__qualname__)
    return f"{getattr(factory, '__module__', '?')}.{name}"


def _package(entry_point: EntryPoint) -> str:
    return entry_point.dist.name if entry_point.dist is not None else entry_point.module


def lacking(made: object, protocol: type) -> list[str]:
    """Return the members of a protocol that an object has not, methods with brackets.

    Every attribute of the protocol is a text.
    """
    members = {**getattr(protocol, "__annotations__", {}), **vars(protocol)}
    absent = []
    for name, member in members.items():
        if name.startswith("_"):
            continue
        value = getattr(made, name, None)
        if isinstance(member, FunctionType):
            if not callable(value):
                absent.append(f"{name}()")
        elif not isinstance(value, str):
            absent.append(name)
    return absent
