"""Rules about rows: their parameters, the columns that they need, and the other relations that they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, TypeAlias

from fft_core.project.model.nodes import SourceName

if TYPE_CHECKING:
    from fft_core.project.model.project import Project

Counted: TypeAlias = Literal["rows", "values", "keys", "groups"]
DriftMeasure: TypeAlias = Literal["mean", "null_share", "distinct", "row_count"]


class RowRule:
    """The base of all rules; `columns` are the columns that a rule needs of the judged rows.

    Attributes:
        counts: The things that it counts, if a share of them can be a threshold; None if it finds one fault or none.
        follows_clock: Whether its result can change with time alone.
        measures: Whether it compares with the previous build.
        can_move: Whether it can be judged together with another table that it reads, if that table is built later.
        depends_on_types: Whether it cannot judge columns of some types.
    """

    counts: ClassVar[Counted | None] = None
    follows_clock: ClassVar[bool] = False
    measures: ClassVar[bool] = False
    can_move: ClassVar[bool] = False
    depends_on_types: ClassVar[bool] = True

    @property
    def is_of_other(self) -> bool:
        """Whether the rows that it counts belong to another table than the judged one."""
        return False

    @property
    def conditions(self) -> tuple[str, ...]:
        """The SQL that the user wrote in it."""
        return ()

    @property
    def said(self) -> Mapping[str, object]:
        """The parameters of the rule by name, without fields that only its evaluation needs."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.compare}  # type: ignore[arg-type]

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The columns that it needs of other models, seeds and sources."""
        return {}

    @property
    def reads(self) -> tuple[str | SourceName, ...]:
        """The other models, seeds and sources that it reads."""
        return tuple(self.needs)

    def subject(self, node: str | SourceName) -> str:
        """Return its subject as a display text: the relation and its columns, or both relations."""
        columns = ", ".join(getattr(self, "columns", ()))
        return f"{node}.{columns}" if columns else str(node)

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with its inputs renamed; names missing in `targets` stay."""
        return self

    def moved(self, node: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule for a judgement of `owner`, one of its inputs, instead of its own table `node`."""
        return self


@dataclass(frozen=True)
class ColumnRule(RowRule):
    """A rule about one column."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs of the judged rows."""
        return (self.column,)


@dataclass(frozen=True)
class NotNull(ColumnRule):
    """No row has NULL in the column."""

    counts: ClassVar[Counted | None] = "rows"
    depends_on_types: ClassVar[bool] = False


@dataclass(frozen=True)
class Unique(RowRule):
    """No two rows have the same values; NULL counts as a value, as documented for FFT."""

    counts: ClassVar[Counted | None] = "values"
    depends_on_types: ClassVar[bool] = False
    columns: tuple[str, ...]


@dataclass(frozen=True)
class AcceptedValues(ColumnRule):
    """Every value that is not NULL is one of these."""

    counts: ClassVar[Counted | None] = "rows"
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class RowCountBetween(RowRule):
    """The table has at least `minimum` and at most `maximum` rows."""

    columns: ClassVar[tuple[str, ...]] = ()
    depends_on_types: ClassVar[bool] = False
    minimum: int
    maximum: int | None = None


@dataclass(frozen=True)
class GreaterEqual(ColumnRule):
    """Every value that is not NULL is at least `threshold`; NaN fails."""

    counts: ClassVar[Counted | None] = "rows"
    threshold: int | float


@dataclass(frozen=True)
class NonNegativeSum(ColumnRule):
    """The sum of the column is not below zero, and is a number."""


@dataclass(frozen=True)
class Freshness(ColumnRule):
    """The latest timestamp of the column is at most so many minutes old; infinity does not count."""

    follows_clock: ClassVar[bool] = True
    max_delay_minutes: float


@dataclass(frozen=True)
class Between(ColumnRule):
    """Every value that is not NULL lies between two bounds, one of which may be None; NaN fails."""

    counts: ClassVar[Counted | None] = "rows"
    minimum: int | float | datetime | None = None
    maximum: int | float | datetime | None = None


@dataclass(frozen=True)
class MatchesRegex(ColumnRule):
    """A part of every text that is not NULL matches a pattern, see `engines/spec/patterns.py`."""

    counts: ClassVar[Counted | None] = "rows"
    pattern: str


@dataclass(frozen=True)
class Expression(RowRule):
    """A condition on each row, in the user's SQL, is not false; NULL passes. `column` is its subject, if named."""

    counts: ClassVar[Counted | None] = "rows"
    condition: str
    column: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column named as its subject; other columns are only in the SQL text, which is not parsed for them."""
        return (self.column,) if self.column else ()

    @property
    def conditions(self) -> tuple[str, ...]:
        """The condition."""
        return (self.condition,)


@dataclass(frozen=True)
class NotConstant(ColumnRule):
    """The column has at least two different values; NULL does not count."""

    depends_on_types: ClassVar[bool] = False


@dataclass(frozen=True)
class SumBetween(ColumnRule):
    """The sum of the column, 0 without values, lies between two bounds, one of which may be None."""

    minimum: int | float | None = None
    maximum: int | float | None = None


@dataclass(frozen=True)
class Recency(ColumnRule):
    """The latest timestamp of each group is at most so many minutes old; infinity does not count."""

    counts: ClassVar[Counted | None] = "groups"
    follows_clock: ClassVar[bool] = True
    group_by: tuple[str, ...]
    max_delay_minutes: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The timestamp, and the columns of the groups."""
        return (self.column, *self.group_by)


@dataclass(frozen=True)
class ColumnTypes(RowRule):
    """The relation has these columns with these types; with `exact`, no others except those that FFT adds."""

    types: tuple[tuple[str, str], ...]
    exact: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The promised columns."""
        return tuple(name for name, _ in self.types)


@dataclass(frozen=True)
class Drift(RowRule):
    """A measure of the column, or of the table, changes at most by a share of itself from one build to the next.

    For a share of NULLs, the difference itself counts: from 0.1 to 0.3 is 0.2.
    """

    measures: ClassVar[bool] = True
    measure: DriftMeasure
    column: str | None = None
    max_change: int | float = 0.2

    @property
    def columns(self) -> tuple[str, ...]:
        """The measured column; nothing for the number of rows."""
        return (self.column,) if self.column else ()


@dataclass(frozen=True)
class Relationships(ColumnRule):
    """Every value is found in `field` of `to`; a NULL is not found, as documented for FFT.

    `about` names the table of the values if `to` is judged instead, because `to` is built later.
    """

    counts: ClassVar[Counted | None] = "rows"
    can_move: ClassVar[bool] = True
    to: str | SourceName
    field: str
    about: str | SourceName | None = None

    @property
    def is_of_other(self) -> bool:
        """Whether the table of the parents is judged: the counted rows are those of the children."""
        return self.about is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that it needs of the judged rows."""
        return (self.column,) if self.about is None else (self.field,)

    @property
    def said(self) -> Mapping[str, object]:
        """Its fields, and the table of the values if another table is judged."""
        return {name: value for name, value in super().said.items() if name != "about" or value is not None}

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The column of the other table."""
        return {self.to: (self.field,)} if self.about is None else {self.about: (self.column,)}

    def subject(self, node: str | SourceName) -> str:
        """Return both columns, as documented for FFT."""
        return f"{self.about or node}.{self.column} ⇒ {self.to}.{self.field}"

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with the other table renamed, if `targets` names it."""
        return replace(self, to=targets.get(self.to, self.to))

    def moved(self, node: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule for a judgement of the other table."""
        return replace(self, about=node) if owner == self.to else self


@dataclass(frozen=True)
class Measure:
    """A value of a table, an aggregate, or a key column; expressions are the user's SQL."""

    table: str | SourceName
    expression: str
    where: str | None = None

    def __str__(self) -> str:
        return f"{self.expression} of {self.table}" + (f" where {self.where}" if self.where else "")


@dataclass(frozen=True)
class Reconciliation(RowRule):
    """A rule about two tables. `owner`, the table that is built later, is the judged one."""

    columns: ClassVar[tuple[str, ...]] = ()
    left: Measure
    right: Measure
    owner: str | SourceName = field(default="", kw_only=True)

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The other table; its columns are only in expressions, which are not parsed for them."""
        return {side.table: () for side in (self.left, self.right) if side.table != self.owner}

    @property
    def conditions(self) -> tuple[str, ...]:
        """The expressions of both sides, and their `where` conditions."""
        texts = [text for side in (self.left, self.right) for text in (side.expression, side.where)]
        return tuple(text for text in texts if text is not None)

    def subject(self, node: str | SourceName) -> str:
        """Return both tables, as documented for FFT."""
        return f"{self.left.table} ⇔ {self.right.table}"

    def of(self, left: str | SourceName, right: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule for these tables, which are linked."""
        sides = {"left": replace(self.left, table=left), "right": replace(self.right, table=right)}
        return replace(self, **sides, owner=owner)


@dataclass(frozen=True)
class ReconcileDifference(Reconciliation):
    """Two values differ at most by so much; a missing value only equals a missing value."""

    at_most: int | float = 0


@dataclass(frozen=True)
class RowCountEquals(Reconciliation):
    """Two tables have the same number of rows."""


@dataclass(frozen=True)
class ReconcileRatio(Reconciliation):
    """The left value divided by the right one lies between two numbers; without both, or by 0, the ratio is missing."""

    minimum: int | float | None = None
    maximum: int | float | None = None


@dataclass(frozen=True)
class ReconcileCoverage(Reconciliation):
    """Every key of the left table is in the right table; NULL is not."""

    counts: ClassVar[Counted | None] = "keys"

    def subject(self, node: str | SourceName) -> str:
        """Return both tables, as documented for FFT."""
        return f"{self.left.table} ⇒ {self.right.table}"


@dataclass(frozen=True, eq=False)
class CheckContext:
    """The parts of the project that the code of custom checks may use; without its checks."""

    project: Project


@dataclass(frozen=True)
class CustomRule(RowRule):
    """A rule that code of the project judges.

    Attributes:
        path: The file of the code.
        column: The column that the test names, if any.
        params: The other parameters of the test.
        context: The parts of the project that the code may use; added when the project is loaded.
    """

    columns: ClassVar[tuple[str, ...]] = ()
    path: Path
    column: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    context: CheckContext | None = field(default=None, compare=False, repr=False, kw_only=True)

    def subject(self, node: str | SourceName) -> str:
        """Return the relation, and the column that the test names."""
        return f"{node}.{self.column}" if self.column else str(node)

    def of(self, column: str | None, params: Mapping[str, object]) -> Self:
        """Return the rule of one test."""
        return replace(self, column=column, params=params)


@dataclass(frozen=True)
class SqlCheck(CustomRule):
    """A query for a number of bad rows, or for the rows themselves: a template with its inputs.

    `about` is its table if `owner`, a later-built input, is judged instead.
    """

    counts: ClassVar[Counted | None] = "rows"
    can_move: ClassVar[bool] = True
    template: str = ""
    inputs: tuple[str | SourceName, ...] = ()
    macros: frozenset[str] = frozenset()
    python_macros: frozenset[str] = frozenset()
    volatile: tuple[str, ...] = ()
    about: str | SourceName | None = None
    owner: str | SourceName | None = None

    @property
    def said(self) -> Mapping[str, object]:
        """The parameters of the test, and the file; the rendered query counts separately."""
        told = {"path": self.path.as_posix(), "column": self.column, "params": dict(self.params)}
        return told if self.about is None else {**told, "about": str(self.about)}

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """Its inputs, and its own table if another one is judged."""
        others = (*self.inputs, *([self.about] if self.about is not None else []))
        return dict.fromkeys((read for read in others if self.about is None or read != self.owner), ())

    def moved(self, node: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule for a judgement of one of its inputs; `about` is then its own table."""
        return replace(self, about=node, owner=owner)


@dataclass(frozen=True)
class PythonCheck(CustomRule):
    """A function, and the name of the pydantic model of its parameters, if it has one."""

    function: str = ""
    params_model: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The judgement of a judge: its outcome, a message in words, and other facts to report."""

    outcome: Literal["pass", "warn", "fail"]
    message: str = ""
    told: Mapping[str, object] = field(default_factory=dict)


class Judge(Protocol):
    """A callback that judges rows with a function from outside of the project, such as a Dagster asset check.

    Attributes:
        frame: The kind of frame that it takes, see `engines/spec/frames.py`.
    """

    @property
    def frame(self) -> str: ...

    def judge(self, rows: Any) -> Verdict:
        """Judge the rows, a frame of that kind. Exceptions are those of the user's function."""


@dataclass(frozen=True)
class JudgedRows(RowRule):
    """A rule that a function of the scheduler judges, which takes the rows as a frame.

    Attributes:
        path: The file of the function, as displayed.
        judge: The callback; None until the definitions that have it are loaded.
        function: The function, if its code alone does not identify it, because it may be made with values. None if its
            file contains all that it is made of.
        others: The other models and seeds that it waits for.
    """

    columns: ClassVar[tuple[str, ...]] = ()
    path: Path
    judge: Judge | None = field(default=None, compare=False, repr=False)
    function: Callable[..., Any] | None = field(default=None, compare=False, repr=False)
    others: tuple[str | SourceName, ...] = ()

    @property
    def said(self) -> Mapping[str, object]:
        """Its file."""
        return {"file": self.path.as_posix()}

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The nodes that it waits for."""
        return dict.fromkeys(self.others, ())
