"""The macros that a template calls, directly and through others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from fft_core.project.read.sql_file import Macro

MacroIndex: TypeAlias = Mapping[str, Macro]


def reached_macros(calls: frozenset[str], macros: MacroIndex) -> set[str]:
    """Return the macros that a template calls, and those that these call."""
    reached: set[str] = set()
    frontier = [name for name in calls if name in macros]
    while frontier:
        name = frontier.pop()
        if name not in reached:
            reached.add(name)
            frontier.extend(called for called in macros[name].template.calls if called in macros)
    return reached
