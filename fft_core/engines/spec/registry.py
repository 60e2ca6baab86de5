"""The engines that are installed: packages, also FFT's own, declare them as entry points of `fft.engines`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import cache, lru_cache

from fft_core.engines.spec import EngineSpec
from fft_core.engines.spec.entry_points import Entry, declared
from fft_core.engines.spec.frames import LIBRARY_FRAMES, FrameKind
from fft_core.engines.spec.lexis import DOLLAR_QUOTES, Lexis
from fft_core.errors import EngineError, nearest

GROUP = "fft.engines"
_log = logging.getLogger(__name__)


def engine_names() -> tuple[str, ...]:
    """Return the names of the installed engines, sorted; none of them is imported."""
    return tuple(sorted(declared(GROUP)))


def spec_of(name: str) -> EngineSpec:
    """Return the spec of an installed engine; its driver need not be installed.

    Raises:
        EngineError: no engine of that name is installed, two packages declare it, or its spec cannot be imported.
    """
    found = declared(GROUP).get(name, ())
    if not found:
        raise EngineError(f"unknown engine {name!r}", hint=unknown_hint(name), code="FFT-203")
    if len(found) > 1:
        both = " and ".join(entry.distribution for entry in found)
        raise EngineError(
            f"the engine {name!r} is declared by {both}", hint="Uninstall all but one of them.", code="FFT-203"
        )
    return _loaded(found[0])


def installed_specs() -> Mapping[str, EngineSpec]:
    """Return all installed engines by name. An engine that cannot be used is left out, with a warning."""
    return _all_specs(tuple(sys.path))


def lexis_of(name: str) -> Lexis:
    """Return the lexical rules of an engine's SQL; common rules if the engine is not installed."""
    spec = installed_specs().get(name)
    return spec.lexis if spec else DOLLAR_QUOTES


def frame_kinds_of(name: str) -> tuple[FrameKind, ...]:
    """Return the frames that Python models of an engine can take; those of libraries if it is not installed."""
    spec = installed_specs().get(name)
    return spec.frames if spec else LIBRARY_FRAMES


def default_engine() -> str:
    """Return the engine of a new project, preferably without a server. Raises EngineError if none is installed."""
    specs = installed_specs()
    if not specs:
        raise EngineError("no engine is installed", hint=_NONE_IS_INSTALLED, code="FFT-203")
    return min(specs.values(), key=lambda spec: (not spec.needs_no_server, spec.name)).name


def unknown_hint(name: str) -> str:
    """Return the hint for the name of an unknown engine: the nearest name, and the installed engines."""
    names = engine_names()
    known = f"Engines: {', '.join(names)}." if names else _NONE_IS_INSTALLED
    return " ".join(filter(None, (nearest(name, names), known)))


_NONE_IS_INSTALLED = "The installed packages declare none: install fft-dagster again, with pip."


@cache
def _loaded(entry: Entry) -> EngineSpec:
    spec = entry.load("the engine")
    if not isinstance(spec, EngineSpec) or spec.name != entry.name:
        said = f"is not the spec of {entry.name!r}" if isinstance(spec, EngineSpec) else "is not an EngineSpec"
        raise EngineError(f"the engine {entry.name!r} of {entry.distribution}: {entry.value} {said}", code="FFT-203")
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
