"""Which engines are installed: packages declare them as entry points of the group `fft.engines`, ours among them.

Entry points are read from the metadata of the installed packages, which takes one or two milliseconds;
`importlib.metadata` alone takes longer to import than a plan of a small project. It is asked only if packages can come
from elsewhere than from folders.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from fft_core.engines.spec import EngineSpec
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.lexis import DOLLAR_QUOTES, Lexis
from fft_core.errors import EngineError, nearest

GROUP = "fft.engines"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """An engine that a package declares.

    Attributes:
        name: The engine's.
        value: Where its spec lies: `module:NAME`.
        distribution: The package, with its version.
    """

    name: str
    value: str
    distribution: str


def engine_names() -> tuple[str, ...]:
    """Return the names of the installed engines, sorted; none of them is imported."""
    return tuple(sorted(_entries()))


def spec_of(name: str) -> EngineSpec:
    """Return what is known of an installed engine; its driver need not be installed.

    Raises:
        EngineError: no engine of that name is installed, two packages declare it, or its spec cannot be imported.
    """
    found = _entries().get(name, ())
    if not found:
        raise EngineError(f"unknown engine {name!r}", hint=unknown_hint(name))
    if len(found) > 1:
        both = " and ".join(entry.distribution for entry in found)
        raise EngineError(f"the engine {name!r} is declared by {both}", hint="Uninstall all but one of them.")
    return _loaded(found[0])


def installed_specs() -> Mapping[str, EngineSpec]:
    """Return all installed engines by name. One that cannot be used is left out, with a warning."""
    return _all_specs(tuple(sys.path))


def lexis_of(name: str) -> Lexis:
    """Return how the SQL of an engine writes text, names and comments; common rules if it is not installed."""
    spec = installed_specs().get(name)
    return spec.lexis if spec else DOLLAR_QUOTES


def frame_kinds_of(name: str) -> tuple[FrameKind, ...]:
    """Return the frames that Python models of an engine can be given; those of libraries if it is not installed."""
    spec = installed_specs().get(name)
    return spec.frames if spec else LIBRARY_FRAMES


def default_engine() -> str:
    """Return the engine of a new project: one that needs no server. Raises EngineError if no engine is installed."""
    specs = installed_specs()
    if not specs:
        raise EngineError("no engine is installed", hint=_NONE_IS_INSTALLED)
    return min(specs.values(), key=lambda spec: (not spec.needs_no_server, spec.name)).name


def unknown_hint(name: str) -> str:
    """Return the nearest name to one that no engine has, and the installed engines."""
    names = engine_names()
    known = f"Engines: {', '.join(names)}." if names else _NONE_IS_INSTALLED
    return " ".join(filter(None, (nearest(name, names), known)))


_NONE_IS_INSTALLED = "The installed packages declare none: install fft-dagster again, with pip."


@cache
def _loaded(entry: Entry) -> EngineSpec:
    module, _, attribute = entry.value.partition(":")
    try:
        spec = getattr(importlib.import_module(module.strip()), attribute.strip())
    except Exception as error:  # whatever a package of others does when it is imported
        said = f"the engine {entry.name!r} of {entry.distribution} cannot be loaded: {type(error).__name__}: {error}"
        raise EngineError(said, hint=f"It is declared as {entry.value!r}.") from error
    if not isinstance(spec, EngineSpec) or spec.name != entry.name:
        said = f"is not the spec of {entry.name!r}" if isinstance(spec, EngineSpec) else "is no EngineSpec"
        raise EngineError(f"the engine {entry.name!r} of {entry.distribution}: {entry.value} {said}")
    return spec


@lru_cache(maxsize=4)
def _all_specs(path: tuple[str, ...]) -> Mapping[str, EngineSpec]:
    specs = {}
    for name in engine_names():
        try:
            specs[name] = spec_of(name)
        except EngineError as error:
            _log.warning("%s", error)
    return specs


def _entries() -> Mapping[str, tuple[Entry, ...]]:
    return _entries_on(tuple(sys.path))


@lru_cache(maxsize=4)
def _entries_on(path: tuple[str, ...]) -> Mapping[str, tuple[Entry, ...]]:
    """Find the declared engines; of a package that is installed twice, the first on the path counts."""
    seen, found = set[str](), dict[str, tuple[Entry, ...]]()
    for name, distribution, text in _metadata(path):
        if name in seen:
            continue
        seen.add(name)
        for entry in _parsed(text, distribution):
            found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def _metadata(path: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """The packages that declare entry points: the normalized name, the name with its version, and what is declared."""
    if any(hasattr(finder, "find_distributions") for finder in sys.meta_path if not _is_path_finder(finder)):
        yield from _by_importlib()
        return
    for folder in path:
        if Path(folder or ".").is_file():  # a zip
            yield from _by_importlib()
            return
    for folder in dict.fromkeys(path):
        yield from _in_folder(folder or ".")


def _is_path_finder(finder: object) -> bool:
    return getattr(finder, "__module__", "") == "_frozen_importlib_external"


def _in_folder(folder: str) -> Iterator[tuple[str, str, str]]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return
    for name in names:
        found = re.fullmatch(r"(.+?)(?:-([^-]+)(?:-[^-]+)?)?\.(?:dist-info|egg-info)", name)
        if found is None:
            continue
        try:
            text = Path(folder, name, "entry_points.txt").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = ""  # it declares none, and hides one of its name that comes later
        yield _normalized(found[1]), f"{found[1].replace('_', '-')} {found[2] or ''}".strip(), text


def _by_importlib() -> Iterator[tuple[str, str, str]]:
    from importlib.metadata import distributions

    for distribution in distributions():
        name = distribution.metadata["Name"] or ""
        text = distribution.read_text("entry_points.txt") or ""
        yield _normalized(name), f"{name} {distribution.version}", text


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _parsed(text: str, distribution: str) -> Iterator[Entry]:
    if GROUP not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif group == GROUP and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield Entry(name.strip(), value.partition("[")[0].strip(), distribution)
