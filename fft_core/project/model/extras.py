"""What a project says of its runs: hooks, and budgets of queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from fft_core.errors import Location
from fft_core.project.model.nodes import SourceName

Phase: TypeAlias = Literal["on_run_start", "on_run_end", "before_model", "after_model"]


@dataclass(frozen=True)
class Hook:
    """What is done before or after a run or a model.

    Attributes:
        phase: When.
        name: Its name in project.yml.
        location: Where it is declared there.
        sql: The template of its statements; None for a Python hook.
        path: The file of its statements or of its function; None for statements that stand in project.yml.
        function: The function of a Python hook.
        select: Selectors; a hook of models is only for those that match one of them. All models if there are none.
        params: What a Python hook is given.
        inputs: The models, seeds and sources that its template mentions.
        macros, python_macros: The names of those that its template uses.
    """

    phase: Phase
    name: str
    location: Location
    sql: str | None = None
    path: Path | None = None
    function: str | None = None
    select: tuple[str, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)
    inputs: tuple[str | SourceName, ...] = ()
    macros: frozenset[str] = frozenset()
    python_macros: frozenset[str] = frozenset()

    @property
    def place(self) -> Location:
        """Where its text or its function stands: a file of hooks/, or project.yml."""
        return Location(self.path) if self.path else self.location


@dataclass(frozen=True)
class Limits:
    """The amount from which on there is a warning, and the one from which on there is an error."""

    warn: int | None = None
    error: int | None = None


@dataclass(frozen=True)
class Budget:
    """The limits of all queries of a run, a model or a tag together; None where there is none."""

    bytes_scanned: Limits | None = None
    rows: Limits | None = None
    query_duration_ms: Limits | None = None


@dataclass(frozen=True)
class Budgets:
    """What budgets.yml says, for the engine of the project; `query_max_bytes` is the limit of each single query."""

    query_max_bytes: int | None = None
    total: Budget = field(default_factory=Budget)
    models: Mapping[str, Budget] = field(default_factory=dict)
    tags: Mapping[str, Budget] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self != Budgets()
