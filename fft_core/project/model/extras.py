"""Settings for the runs of a project: hooks, and budgets of queries."""

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
    """SQL or a Python function that is run before or after a run or a model.

    Attributes:
        phase: The moment at which it is run.
        name: Its name in project.yml.
        location: Its place in project.yml.
        sql: The template of its SQL statements; None for a Python hook.
        path: The file of its statements or of its function; None if the statements stand in project.yml.
        function: The name of the function of a Python hook.
        select: Selectors; a hook of models runs for the models that match one of them, or for all models if empty.
        params: The parameters of a Python hook.
        inputs: The models, seeds and sources that its template refers to.
        macros, python_macros: The names of the macros that its template uses.
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
        """The file that has its text or its function: a file below hooks/, or project.yml."""
        return Location(self.path) if self.path else self.location


@dataclass(frozen=True)
class Limits:
    """The amount that causes a warning, and the amount that causes an error."""

    warn: int | None = None
    error: int | None = None


@dataclass(frozen=True)
class Budget:
    """The limits for the sum of all queries of a run, a model or a tag; None: no limit."""

    bytes_scanned: Limits | None = None
    rows: Limits | None = None
    query_duration_ms: Limits | None = None


@dataclass(frozen=True)
class Budgets:
    """The content of budgets.yml for the engine of the project; `query_max_bytes` limits each single query."""

    query_max_bytes: int | None = None
    total: Budget = field(default_factory=Budget)
    models: Mapping[str, Budget] = field(default_factory=dict)
    tags: Mapping[str, Budget] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self != Budgets()
