"""Substitutes for modules that project files import: a few names are replaced, all others are the real ones."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

# Earlier names of FFT's packages: project files import from them, even if a package of that name is installed.
FORMER_NAMES = ("fastflowtransform", "flowforge")
_COMPAT = "fft_core.compat"


class StandIn(ModuleType):
    """A module with some names of its own; all others are those of the real module."""

    def __init__(self, real: ModuleType, **names: object) -> None:
        super().__init__(real.__name__, real.__doc__)
        vars(self).update(names, _real=real)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_real"], name)


class Variables(MutableMapping[str, str]):
    """The `os.environ` of a project's file: the variables of `env()` in SQL, then those of the process.

    Assignments also set the variable of the process, which libraries read.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._own = dict(environment)

    def __getitem__(self, name: str) -> str:
        return self._own[name] if name in self._own else os.environ[name]

    def __setitem__(self, name: str, value: str) -> None:
        os.environ[name] = self._own[name] = value

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._own.pop(name, None)
        os.environ.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter({**os.environ, **self._own})

    def __len__(self) -> int:
        return len({**os.environ, **self._own})

    def __repr__(self) -> str:
        return f"<{len(self)} variables>"

    def __or__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, str]) -> dict[str, str]:
        return {**other, **self}

    def copy(self) -> dict[str, str]:
        """Return the variables as a dict, as `os.environ.copy()` does."""
        return dict(self)


def os_with(environment: Mapping[str, str]) -> StandIn:
    """Return an `os` module with the environment of a project."""
    variables = environment if isinstance(environment, Variables) else Variables(environment)
    return StandIn(os, environ=variables, getenv=variables.get)


def importlib_with(import_module: Callable[..., ModuleType]) -> StandIn:
    """Return an `importlib` that finds a project's modules first."""
    return StandIn(importlib, import_module=import_module)


def is_former(module: str) -> bool:
    """Return whether a dotted name belongs to an earlier name of FFT's packages.

    >>> is_former("fastflowtransform.core"), is_former("pandas")
    (True, False)
    """
    return module.partition(".")[0] in FORMER_NAMES


class Former:
    """The modules of FFT's earlier packages, as seen by one project: with its variables, and its folder.

    Args:
        environment: The variables in `os.environ` of the project's files; None: those of the process.
        root: The project's folder.
    """

    def __init__(self, environment: Mapping[str, str] | None, root: Path) -> None:
        self._environment, self._root = environment, root
        self._bound: dict[str, ModuleType] = {}

    def module(self, name: str) -> ModuleType:
        """Return the substitute for a module. Raises ModuleNotFoundError, whose message lists the available names."""
        found = _former(name)
        if found.__name__ not in self._bound:
            bound = getattr(found, "bound", None)
            names = bound(Variables(self._environment), self._root) if bound and self._environment is not None else {}
            self._bound[found.__name__] = _FormerModule(found, self, **names)
        return self._bound[found.__name__]

    def with_submodules(self, name: str, wanted: Sequence[str]) -> ModuleType:
        """Return a module for `from ... import`, including those of the names that are its submodules."""
        found = self.module(name)
        for inner in wanted if hasattr(found, "__path__") else ():
            if importlib.util.find_spec(f"{found.__name__}.{inner}") is not None:
                self.module(f"{name}.{inner}")
        return found


class _FormerModule(StandIn):
    """A module of an earlier package; its submodules are of this class, too."""

    def __init__(self, real: ModuleType, former: Former, **names: object) -> None:
        super().__init__(real, _former=former, **names)

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if isinstance(found, ModuleType) and found.__name__ == f"{self.__name__}.{name}":
            former: Former = vars(self)["_former"]
            return former.module(f"{FORMER_NAMES[0]}{found.__name__.removeprefix(_COMPAT)}")
        return found


def _former(module: str) -> ModuleType:
    top, dot, rest = module.partition(".")
    try:
        return importlib.import_module(f"{_COMPAT}{dot}{rest}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(_COMPAT):
            raise
        known = "itself, .decorators, .core, .api.http, .testing.base, .hooks.registry and .hooks.types"
        raise ModuleNotFoundError(f"no module {module!r}: of {top!r}, FFT has {known}", name=module) from None
