"""The shapes of checks."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from fft_core.engines.spec.patterns import common_pattern
from fft_core.project import model as m
from fft_core.project.shapes.check_keys import CheckShape
from fft_core.project.shapes.conditions import whole_condition
from fft_core.project.shapes.reconciliations import (
    ReconcileCoverageShape,
    ReconcileDiffShape,
    ReconcileEqualShape,
    ReconcileRatioShape,
)
from fft_core.project.shapes.shape import Filled, Name, Names, Number, Words


class NotNullShape(CheckShape):
    type: Literal["not_null"]
    """The type of the check."""
    column: str
    """The column."""

    def rule(self) -> m.Rule:
        return m.NotNull(self.column)


class UniqueShape(CheckShape):
    type: Literal["unique"]
    """The type of the check."""
    column: Annotated[Names, Field(min_length=1)]
    """The column, or the columns whose values must be unique together."""

    def rule(self) -> m.Rule:
        return m.Unique(tuple(self.column))


def _accepted(value: Any) -> Any:  # Any: any value of YAML
    if value is None:
        raise ValueError("null cannot be listed: NULL passes anyway; a check of type not_null forbids it")
    if isinstance(value, list | dict):
        raise ValueError(f"{value!r} is not a plain value; write it as a text")
    return str(value) if isinstance(value, date) else value


_VALUES = Words("list of texts, numbers, true or false")


class AcceptedValuesShape(CheckShape):
    type: Literal["accepted_values"]
    """The type of the check."""
    column: str
    """The column."""
    values: Annotated[list[str | bool | int | float], Words("list of texts, numbers, true or false")] = Field(
        min_length=1
    )
    """The values that may occur."""

    @field_validator("values", mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        return [_accepted(value) for value in values] if isinstance(values, list) else values

    def rule(self) -> m.Rule:
        return m.AcceptedValues(self.column, tuple(self.values))


class RowCountBetweenShape(CheckShape):
    type: Literal["row_count_between"]
    """The type of the check."""
    column: None = None
    min_rows: Annotated[int, Number] = Field(default=1, ge=0)
    """The smallest number of rows; `min` is another name."""
    max_rows: Annotated[int | None, Number] = Field(default=None, ge=0)
    """The largest number of rows; `max` is another name."""

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, content: Any) -> Any:  # Any: any value of YAML
        """Rename `min` and `max`, the other names of the bounds."""
        for short, name in (("min", "min_rows"), ("max", "max_rows")):
            if isinstance(content, dict) and short in content:
                if name in content:
                    raise ValueError(f"{short} and {name} are the same setting: set one of them")
                content = {name if key == short else key: value for key, value in content.items()}
        return content

    @model_validator(mode="after")
    def _bounds_in_order(self) -> RowCountBetweenShape:
        if self.max_rows is not None and self.max_rows < self.min_rows:
            raise ValueError(f"max_rows ({self.max_rows}) is below min_rows ({self.min_rows})")
        return self

    def rule(self) -> m.Rule:
        return m.RowCountBetween(self.min_rows, self.max_rows)


class GreaterEqualShape(CheckShape):
    type: Literal["greater_equal"]
    """The type of the check."""
    column: str
    """The column."""
    threshold: Annotated[float, Number] = 0
    """The smallest value that passes."""

    def rule(self) -> m.Rule:
        return m.GreaterEqual(self.column, self.threshold)


def _in_order(minimum: Any, maximum: Any) -> None:  # Any: numbers, or times
    """Raise ValueError if both bounds are missing, or not in order."""
    if minimum is None and maximum is None:
        raise ValueError("set min, max, or both")
    if minimum is None or maximum is None:
        return
    if isinstance(minimum, datetime) != isinstance(maximum, datetime):
        raise ValueError("min and max have two types: set two numbers, or two dates")
    if maximum < minimum:
        raise ValueError(f"max ({maximum}) is below min ({minimum})")


def _bound(value: Any) -> Any:  # Any: any value of YAML
    """Read a number, a date or a time as a bound: a date is its midnight, a time without a zone is UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, bool) or (isinstance(value, float) and not isfinite(value)):
        raise ValueError(f"{value!r} is not a bound: write a finite number, or a date as 2024-12-31")
    if not isinstance(value, str):
        return value
    try:
        return _bound(datetime.fromisoformat(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a bound: write a number, or a date as 2024-12-31") from None


Bound: TypeAlias = Annotated[int | float | datetime | None, BeforeValidator(_bound), Words("number, date or time")]


class BetweenShape(CheckShape):
    type: Literal["between"]
    """The type of the check."""
    column: str
    """The column."""
    min: Bound = None
    """The smallest value that passes: a number, a date or a time. `min`, `max` or both are required."""
    max: Bound = None
    """The largest value that passes."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> BetweenShape:
        _in_order(self.min, self.max)
        return self

    def rule(self) -> m.Rule:
        return m.Between(self.column, self.min, self.max)


def _pattern(text: str) -> str:
    common_pattern(text)
    return text


class MatchesRegexShape(CheckShape):
    type: Literal["matches_regex"]
    """The type of the check."""
    column: str
    """The column."""
    pattern: Annotated[Filled, AfterValidator(_pattern)]
    """The pattern, in the syntax that all engines share."""

    def rule(self) -> m.Rule:
        return m.MatchesRegex(self.column, self.pattern)


class ExpressionShape(CheckShape):
    """A condition on each row. Beside a column it is about that column, which it must still name itself."""

    type: Literal["expression"]
    """The type of the check."""
    column: str | None = None
    """The column that the condition is about, for names and reports; the condition must still name it."""
    expression: Annotated[Filled, AfterValidator(whole_condition)]
    """The condition in SQL that each row must meet."""

    def rule(self) -> m.Rule:
        return m.Expression(self.expression, self.column)


class NotConstantShape(CheckShape):
    type: Literal["not_constant"]
    """The type of the check."""
    column: str
    """The column."""

    def rule(self) -> m.Rule:
        return m.NotConstant(self.column)


class SumBetweenShape(CheckShape):
    type: Literal["sum_between"]
    """The type of the check."""
    column: str
    """The column."""
    min: Annotated[float | None, Number] = None
    """The smallest sum that passes. `min`, `max` or both are required."""
    max: Annotated[float | None, Number] = None
    """The largest sum that passes."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> SumBetweenShape:
        _in_order(self.min, self.max)
        return self

    def rule(self) -> m.Rule:
        return m.SumBetween(self.column, self.min, self.max)


class RecencyShape(CheckShape):
    type: Literal["recency"]
    """The type of the check."""
    column: str
    """The column with the time of a row."""
    group_by: Annotated[Names, Field(min_length=1)]
    """The column or columns that form the groups."""
    max_delay_minutes: Annotated[float, Number] = Field(gt=0, le=1_000_000_000)
    """The greatest age of the latest row of each group, in minutes."""

    def rule(self) -> m.Rule:
        return m.Recency(self.column, tuple(self.group_by), self.max_delay_minutes)


class ColumnTypesShape(CheckShape):
    type: Literal["column_types"]
    """The type of the check."""
    column: None = None
    where: None = None
    columns: dict[Filled, Filled] = Field(min_length=1)
    """The promised columns with their types."""
    exact: bool = False
    """`true`: additional columns fail, too."""

    @model_validator(mode="after")
    def _each_once(self) -> ColumnTypesShape:
        twice = [name for name, count in Counter(map(str.lower, self.columns)).items() if count > 1]
        if twice:
            raise ValueError(f"the column {twice[0]!r} is declared twice, in upper and lower case")
        return self

    def rule(self) -> m.Rule:
        return m.ColumnTypes(tuple(self.columns.items()), self.exact)


class DriftShape(CheckShape):
    """A drift between this build and the previous one; without a column, the whole table is measured."""

    type: Literal["drift"]
    """The type of the check."""
    column: str | None = None
    """The column that is measured; without it, the rows of the table are counted."""
    scope: Literal["table"] = "table"
    """Always `table`."""
    measure: m.DriftMeasure | None = None
    """The measurement that is compared with the build before. With a column, it is required. [default: `row_count`]"""
    max_change: Annotated[float, Number] = Field(default=0.2, ge=0)
    """The largest change that passes, as a share: `0.2` is 20 percent."""

    @model_validator(mode="after")
    def _measure_fits(self) -> DriftShape:
        if self.column is None and self.measure not in (None, "row_count"):
            raise ValueError(f"{self.measure} is a measure of a column: set column")
        if self.column is not None and self.measure is None:
            raise ValueError("set measure to mean, null_share or distinct")
        if self.column is not None and self.measure == "row_count":
            raise ValueError("row_count measures the table: remove column, or measure mean, null_share or distinct")
        return self

    def rule(self) -> m.Rule:
        return m.Drift(self.measure or "row_count", self.column, self.max_change)


class RowCountEqualsShape(CheckShape):
    """Two tables with the same number of rows; `to` is a name, as in relationships."""

    type: Literal["row_count_equals"]
    """The type of the check."""
    column: None = None
    to: Filled
    """The other table: a model, a seed, or a source as `group.table`."""

    @property
    def condition(self) -> str | None:
        return None  # a reconciliation has a `where` on each side

    def rule_of(self, node: str) -> m.Rule:
        return m.RowCountEquals(m.Measure(node, "count(*)", self.where), m.Measure(self.to, "count(*)"))


class NonNegativeSumShape(CheckShape):
    type: Literal["non_negative_sum"]
    """The type of the check."""
    column: str
    """The column."""

    def rule(self) -> m.Rule:
        return m.NonNegativeSum(self.column)


class FreshnessShape(CheckShape):
    type: Literal["freshness"]
    """The type of the check."""
    column: str
    """The column with the time of a row."""
    max_delay_minutes: Annotated[float, Number] = Field(gt=0, le=1_000_000_000)
    """The greatest age of the latest row, in minutes."""

    def rule(self) -> m.Rule:
        return m.Freshness(self.column, self.max_delay_minutes)


class RelationshipsShape(CheckShape):
    """A foreign key; `to` is a name, also as ref('...') or source('...', '...'), which the loader resolves."""

    type: Literal["relationships"]
    """The type of the check."""
    column: str
    """The column with the foreign key."""
    to: str
    """The other table: a model, a seed, or a source; `ref('x')` and `source('g', 't')` are read too."""
    field: str = Field(alias="to_field", default="id")  # both names of the key are read
    """The column of the other table; `field` and `to_field` are the same key."""

    def rule(self) -> m.Rule:
        return m.Relationships(self.column, self.to, self.field)


class AssetCheckShape(CheckShape):
    """A Dagster asset check, by name and file, that judges the staged rows, and returns its own message."""

    type: Literal["asset_check"]
    """The type of the check."""
    column: None = None
    where: None = None
    scope: Literal["table"] = "table"
    """Always `table`."""
    name: Name
    """The name of the check in Dagster."""
    file: Filled
    """The Python file of the project that defines the check."""
    gate: bool
    """Always `true`: the check judges the rows before they are published."""

    @model_validator(mode="after")
    def _is_gate(self) -> Self:
        if not self.gate:
            raise ValueError("gate: false has no effect: Dagster runs the check by itself; remove the entry")
        given = [key for key in ("severity", "warn_if", "error_if") if key in self.model_fields_set]
        if given:
            raise ValueError(f"{given[0]} has no effect: the result of the check says whether it warns or fails")
        path = PurePosixPath(self.file)
        if path.is_absolute() or ".." in path.parts or path.suffix != ".py":
            raise ValueError(f"file: {self.file!r} is not a file of the project with a name that ends in .py")
        return self

    def rule(self) -> m.Rule:
        return m.JudgedRows(Path(self.file))


class CustomCheckShape(CheckShape):
    """A test whose type is a file of the project; keys other than these are parameters."""

    type: str
    """The type of a check that a file below `tests/` defines."""
    column: str | None = None
    """The column, if the check is about one."""
    params: dict[str, Any] = {}
    """Parameters of the check. They can also stand beside the other keys."""


AnyCheck: TypeAlias = (
    NotNullShape
    | UniqueShape
    | AcceptedValuesShape
    | RowCountBetweenShape
    | GreaterEqualShape
    | NonNegativeSumShape
    | FreshnessShape
    | BetweenShape
    | MatchesRegexShape
    | ExpressionShape
    | NotConstantShape
    | SumBetweenShape
    | RecencyShape
    | ColumnTypesShape
    | DriftShape
    | RowCountEqualsShape
    | RelationshipsShape
    | ReconcileEqualShape
    | ReconcileDiffShape
    | ReconcileRatioShape
    | ReconcileCoverageShape
    | AssetCheckShape
)
CheckShapes: TypeAlias = AnyCheck | CustomCheckShape
RECONCILE = ("reconcile_equal", "reconcile_diff_within", "reconcile_ratio_within", "reconcile_coverage")
BUILT_IN = frozenset(get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(AnyCheck))
CheckUnion = Annotated[AnyCheck, Field(discriminator="type")]
