"""Rules about rows: what each says, which columns it needs, and which other relations it reads."""

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
    """What each rule says of itself, beside the columns that it needs of the rows that it judges: `columns`.

    Attributes:
        counts: What it finds several of, so that a share of them can be meant; None if it finds one fault or none.
        follows_clock: Whether time alone can change what it finds.
        measures: Whether it compares with the build before.
        can_move: Whether it can be judged with a table that it reads, if that is built later.
        depends_on_types: Whether there are columns that it cannot judge, because of their types.
    """

    counts: ClassVar[Counted | None] = None
    follows_clock: ClassVar[bool] = False
    measures: ClassVar[bool] = False
    can_move: ClassVar[bool] = False
    depends_on_types: ClassVar[bool] = True

    @property
    def is_of_other(self) -> bool:
        """Whether the rows that it counts are those of another table than the one that is judged."""
        return False

    @property
    def conditions(self) -> tuple[str, ...]:
        """The user's SQL in it."""
        return ()

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

    def subject(self, node: str | SourceName) -> str:
        """Return what it is about, for people: the relation and its columns, or both relations."""
        columns = ", ".join(getattr(self, "columns", ()))
        return f"{node}.{columns}" if columns else str(node)

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with other names for what it reads, as far as they are given."""
        return self

    def moved(self, node: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule as it is judged with `owner`, which it reads, instead of its own table `node`."""
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
    """Every value that is not NULL is at least `threshold`; NaN is not."""

    counts: ClassVar[Counted | None] = "rows"
    threshold: int | float


@dataclass(frozen=True)
class NonNegativeSum(ColumnRule):
    """The sum of the column is not below zero, and is a number."""


@dataclass(frozen=True)
class Freshness(ColumnRule):
    """The latest timestamp of the column is at most so many minutes old; infinity is none."""

    follows_clock: ClassVar[bool] = True
    max_delay_minutes: float


@dataclass(frozen=True)
class Between(ColumnRule):
    """Every value that is not NULL lies between two bounds, of which one may be None; NaN does not."""

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
    """A condition on each row, in the user's SQL, is not false; NULL is not. `column` is what it is about, if told."""

    counts: ClassVar[Counted | None] = "rows"
    condition: str
    column: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that it is told to be about; what else it needs is in its text, which nobody reads."""
        return (self.column,) if self.column else ()

    @property
    def conditions(self) -> tuple[str, ...]:
        """The condition."""
        return (self.condition,)


@dataclass(frozen=True)
class NotConstant(ColumnRule):
    """The column does not have one value only; NULL is none."""

    depends_on_types: ClassVar[bool] = False


@dataclass(frozen=True)
class SumBetween(ColumnRule):
    """The sum of the column, 0 without values, lies between two bounds, of which one may be None."""

    minimum: int | float | None = None
    maximum: int | float | None = None


@dataclass(frozen=True)
class Recency(ColumnRule):
    """The latest timestamp of each group is at most so many minutes old; infinity is none."""

    counts: ClassVar[Counted | None] = "groups"
    follows_clock: ClassVar[bool] = True
    group_by: tuple[str, ...]
    max_delay_minutes: float

    @property
    def columns(self) -> tuple[str, ...]:
        """The timestamp, and what makes the groups."""
        return (self.column, *self.group_by)


@dataclass(frozen=True)
class ColumnTypes(RowRule):
    """The relation has these columns, with these types, and with `exact` no others but those that FFT adds."""

    types: tuple[tuple[str, str], ...]
    exact: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """What is promised."""
        return tuple(name for name, _ in self.types)


@dataclass(frozen=True)
class Drift(RowRule):
    """A measure of the column, or of the table, changes by a share of it at most from one build to the next.

    A share of NULLs changes by so much itself: from 0.1 to 0.3 is 0.2.
    """

    measures: ClassVar[bool] = True
    measure: DriftMeasure
    column: str | None = None
    max_change: int | float = 0.2

    @property
    def columns(self) -> tuple[str, ...]:
        """What is measured; nothing for the number of rows."""
        return (self.column,) if self.column else ()


@dataclass(frozen=True)
class Relationships(ColumnRule):
    """Every value is found in `field` of `to`; a NULL is not found, as documented for FFT.

    `about` names the table of the values if `to` is judged instead, as it is built later.
    """

    counts: ClassVar[Counted | None] = "rows"
    can_move: ClassVar[bool] = True
    to: str | SourceName
    field: str
    about: str | SourceName | None = None

    @property
    def is_of_other(self) -> bool:
        """Whether the parents are judged: the rows are those of the children."""
        return self.about is not None

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of the rows that are judged."""
        return (self.column,) if self.about is None else (self.field,)

    @property
    def said(self) -> Mapping[str, object]:
        """Its fields, and the table of the values if that is not the judged one."""
        return {name: value for name, value in super().said.items() if name != "about" or value is not None}

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The column of the other table."""
        return {self.to: (self.field,)} if self.about is None else {self.about: (self.column,)}

    def subject(self, node: str | SourceName) -> str:
        """Return both columns, as documented for FFT."""
        return f"{self.about or node}.{self.column} ⇒ {self.to}.{self.field}"

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with another name for the other table, if it is given."""
        return replace(self, to=targets.get(self.to, self.to))

    def moved(self, node: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule as it is judged with the other table."""
        return replace(self, about=node) if owner == self.to else self


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

    @property
    def conditions(self) -> tuple[str, ...]:
        """The expressions of both sides, and which rows they are of."""
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
    """Two values differ by so much at most; no value is equal to no value only."""

    at_most: int | float = 0


@dataclass(frozen=True)
class RowCountEquals(Reconciliation):
    """Two tables have as many rows."""


@dataclass(frozen=True)
class ReconcileRatio(Reconciliation):
    """The left value divided by the right one lies between two numbers; without both, or by 0, there is no ratio."""

    minimum: int | float | None = None
    maximum: int | float | None = None


@dataclass(frozen=True)
class ReconcileCoverage(Reconciliation):
    """Every key of the left table is one of the right table; a NULL is not."""

    counts: ClassVar[Counted | None] = "keys"

    def subject(self, node: str | SourceName) -> str:
        """Return both tables, as documented for FFT."""
        return f"{self.left.table} ⇒ {self.right.table}"


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

    def subject(self, node: str | SourceName) -> str:
        """Return the relation, and the column that the test names."""
        return f"{node}.{self.column}" if self.column else str(node)

    def of(self, column: str | None, params: Mapping[str, object]) -> Self:
        """Return the rule of one test."""
        return replace(self, column=column, params=params)


@dataclass(frozen=True)
class SqlCheck(CustomRule):
    """A query for a number of bad rows, or for the rows themselves: a template with what it mentions.

    `about` is its table if `owner` is judged instead, which it mentions: that is built later.
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
        """What the test says, and the file; what that says is rendered with it."""
        told = {"path": self.path.as_posix(), "column": self.column, "params": dict(self.params)}
        return told if self.about is None else {**told, "about": str(self.about)}

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """What it mentions, and its table if that is not the judged one."""
        others = (*self.inputs, *([self.about] if self.about is not None else []))
        return dict.fromkeys((read for read in others if self.about is None or read != self.owner), ())

    def moved(self, node: str | SourceName, owner: str | SourceName) -> Self:
        """Return the rule as it is judged with something that it mentions: `about` is its table then."""
        return replace(self, about=node, owner=owner)


@dataclass(frozen=True)
class PythonCheck(CustomRule):
    """A function, and the name of the pydantic model of its parameters, if it has one."""

    function: str = ""
    params_model: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What a judge says of rows: what that means, in words, and what else it wants told by whoever made it."""

    outcome: Literal["pass", "warn", "fail"]
    message: str = ""
    told: Mapping[str, object] = field(default_factory=dict)


class Judge(Protocol):
    """A function that is no file of the project's, as whoever runs its steps has made it callable.

    Attributes:
        frame: The kind of frame that it takes, see `engines/spec/frames.py`.
    """

    @property
    def frame(self) -> str: ...

    def judge(self, rows: Any) -> Verdict:
        """Judge the rows, a frame of that kind. What it raises is the user's."""


@dataclass(frozen=True)
class JudgedRows(RowRule):
    """A rule that a function of the scheduler's judges: it is handed the rows as a frame.

    Attributes:
        path: The file of the function, as shown.
        judge: What calls it; None until the definitions that have it are loaded.
        function: The function, if its code alone does not tell it apart: it may be made with values. None if all that
            it is made of is in its file.
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
        """What it waits for."""
        return dict.fromkeys(self.others, ())
