"""Rules about the rows of one model, seed or source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias

from fft_core.errors import Location
from fft_core.project.model.nodes import SourceName

if TYPE_CHECKING:
    from fft_core.project.model.project import Project

Severity: TypeAlias = Literal["error", "warn"]
Scope: TypeAlias = Literal["table", "delta"]


class RowRule:
    """What each rule says of itself, beside the columns that it needs of the rows that it judges: `columns`."""

    @property
    def said(self) -> Mapping[str, object]:
        """What it says, by name: its fields, but for what it is only given to be judged with."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.compare}  # type: ignore[arg-type]

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The columns that it needs of the other models, seeds and sources that it reads."""
        return {}

    @property
    def reads(self) -> tuple[str | SourceName, ...]:
        """The other models, seeds and sources that it reads."""
        return tuple(self.needs)

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with other names for what it reads, as far as they are given."""
        return self


@dataclass(frozen=True)
class ColumnRule(RowRule):
    """A rule about one column."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs of the rows that it judges."""
        return (self.column,)


@dataclass(frozen=True)
class NotNull(ColumnRule):
    """No row has NULL in the column."""


@dataclass(frozen=True)
class Unique(RowRule):
    """No two rows have the same values; NULL counts as a value, as documented for FFT."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class AcceptedValues(ColumnRule):
    """Every value that is not NULL is one of these."""

    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class RowCountBetween(RowRule):
    """The table has at least `minimum` and at most `maximum` rows."""

    columns: ClassVar[tuple[str, ...]] = ()
    minimum: int
    maximum: int | None = None


@dataclass(frozen=True)
class GreaterEqual(ColumnRule):
    """Every value that is not NULL is at least `threshold`; NaN is not."""

    threshold: int | float


@dataclass(frozen=True)
class NonNegativeSum(ColumnRule):
    """The sum of the column is not below zero, and is a number."""


@dataclass(frozen=True)
class Freshness(ColumnRule):
    """The latest timestamp of the column is at most so many minutes old; infinity is none."""

    max_delay_minutes: float


@dataclass(frozen=True)
class Relationships(ColumnRule):
    """Every value is found in `field` of `to`; a NULL is not found, as documented for FFT."""

    to: str | SourceName
    field: str

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The column of the other table."""
        return {self.to: (self.field,)}

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with another name for the other table, if it is given."""
        return replace(self, to=targets.get(self.to, self.to))


@dataclass(frozen=True)
class Measure:
    """A value of a table, an aggregate, or the column that is its key; expressions are the user's SQL."""

    table: str | SourceName
    expression: str
    where: str | None = None

    def __str__(self) -> str:
        return f"{self.expression} of {self.table}" + (f" where {self.where}" if self.where else "")


@dataclass(frozen=True)
class Reconciliation(RowRule):
    """A rule about two tables, one of which is judged: `owner`, the one that is built later."""

    columns: ClassVar[tuple[str, ...]] = ()
    left: Measure
    right: Measure
    owner: str | SourceName = field(default="", kw_only=True)

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The other table; its columns are in expressions, which nobody reads."""
        return {side.table: () for side in (self.left, self.right) if side.table != self.owner}

    def of(self, left: str | SourceName, right: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule for these tables, which are linked."""
        sides = {"left": replace(self.left, table=left), "right": replace(self.right, table=right)}
        return replace(self, **sides, owner=owner)


@dataclass(frozen=True)
class ReconcileDifference(Reconciliation):
    """Two values differ by so much at most; no value is equal to no value only."""

    at_most: int | float = 0


@dataclass(frozen=True)
class ReconcileRatio(Reconciliation):
    """The left value divided by the right one lies between two numbers; without both, or by 0, there is no ratio."""

    minimum: int | float | None = None
    maximum: int | float | None = None


@dataclass(frozen=True)
class ReconcileCoverage(Reconciliation):
    """Every key of the left table is one of the right table; a NULL is not."""


@dataclass(frozen=True, eq=False)
class CheckContext:
    """What the code of custom checks may use: the project that it is part of, without its checks."""

    project: Project


@dataclass(frozen=True)
class CustomRule(RowRule):
    """A rule that the project's own code judges.

    Attributes:
        path: The file of the code.
        column: What the test says is its column, if anything.
        params: What the test says beside that.
        context: What the code may use; added when the project is loaded.
    """

    columns: ClassVar[tuple[str, ...]] = ()
    path: Path
    column: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    context: CheckContext | None = field(default=None, compare=False, repr=False, kw_only=True)

    def of(self, column: str | None, params: Mapping[str, object]) -> Self:
        """Return the rule of one test."""
        return replace(self, column=column, params=params)


@dataclass(frozen=True)
class SqlCheck(CustomRule):
    """A query for a number of bad rows, or for the rows themselves: a template with what it mentions."""

    template: str = ""
    inputs: tuple[str | SourceName, ...] = ()
    macros: frozenset[str] = frozenset()
    python_macros: frozenset[str] = frozenset()
    volatile: tuple[str, ...] = ()

    @property
    def said(self) -> Mapping[str, object]:
        """What the test says, and the file; what that says is rendered with it."""
        return {"path": self.path.as_posix(), "column": self.column, "params": dict(self.params)}

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """What it mentions."""
        return dict.fromkeys(self.inputs, ())


@dataclass(frozen=True)
class PythonCheck(CustomRule):
    """A function, and the name of the pydantic model of its parameters, if it has one."""

    function: str = ""
    params_model: str | None = None


Rule: TypeAlias = (
    NotNull
    | Unique
    | AcceptedValues
    | RowCountBetween
    | GreaterEqual
    | NonNegativeSum
    | Freshness
    | Relationships
    | ReconcileDifference
    | ReconcileRatio
    | ReconcileCoverage
    | SqlCheck
    | PythonCheck
)


@dataclass(frozen=True)
class Check:
    """A rule about the rows of one model, seed or source; `name` is unique among those of its node.

    `scope` says which rows it judges in the build of an incremental model: the table with the new rows in it, or those.
    """

    name: str
    node: str | SourceName
    type: str
    rule: Rule
    location: Location
    severity: Severity = "error"
    where: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    scope: Scope = "table"
