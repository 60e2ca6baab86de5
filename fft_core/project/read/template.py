"""The references and variables of one template, as values that can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fft_core.errors import Location, Problem
from fft_core.project.model import Mentioned, SourceName


@dataclass(frozen=True)
class Mention:
    """A model, seed or source that a template names, and the place."""

    target: str | SourceName
    where: Location


@dataclass(frozen=True)
class Template:
    """The content of one template, without rendering it."""

    text: str
    config: Mapping[str, Any] = field(default_factory=dict)  # of config(), as literals; validated later
    config_line: int = 1
    mentions: tuple[Mention, ...] = ()
    calls: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    environment: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    volatile: tuple[str, ...] = ()
    pieces: tuple[str | Mentioned, ...] | None = None
    filters: frozenset[str] = frozenset()  # including all texts in arguments of `map`, which takes names of filters
