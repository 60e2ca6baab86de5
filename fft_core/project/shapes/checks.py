"""The shapes of checks."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from fft_core.engines.spec.patterns import common_pattern
from fft_core.project import model as m
from fft_core.project.shapes.conditions import whole_condition
from fft_core.project.shapes.shape import Filled, Name, Names, Number, SettingsShape, Shape

_THRESHOLD = re.compile(r"\s*(>=?)\s*(\d+(?:\.\d+)?)\s*(%?)\s*")


def _threshold(value: Any) -> Any:  # Any: any value of YAML
    """Read a number of rows, or a share of them. Raises ValueError."""
    if value is None:
        return None
    found = _THRESHOLD.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            f'{value!r} is not a threshold: write "> 10" for a number of rows, or "> 1%" for a share of them'
        )
    sign, number, percent = found.groups()
    limit = float(number) if "." in number else int(number)
    if isinstance(limit, float) and not percent:
        raise ValueError(f"{value!r} is not a threshold: a number of rows is whole")
    if percent and limit > 100:
        raise ValueError(f"{value!r} is not a threshold: more than 100% cannot fail")
    return m.Threshold(limit, is_share=bool(percent), is_reached=sign == ">=")


Threshold: TypeAlias = Annotated[m.Threshold | None, BeforeValidator(_threshold)]


Condition: TypeAlias = Annotated[str, AfterValidator(whole_condition)]


class CheckShape(Shape):
    """The keys of every check."""

    table: str = ""
    name: Name | None = None
    severity: m.Severity = "error"
    where: Condition | None = None
    tags: Names = []
    description: str | None = None
    scope: m.Scope = "table"
    meta: dict[str, Any] = {}
    warn_if: Threshold = None
    error_if: Threshold = None
    store_failures: bool = False

    @model_validator(mode="after")
    def _thresholds_fit(self) -> Self:
        if self.severity == "warn" and self.error_if is not None:
            raise ValueError("error_if has no effect with severity: warn; remove one of them")
        if self.warn_if is not None and self.error_if is not None and self.error_if.is_below(self.warn_if):
            raise ValueError(f"warn_if ({self.warn_if}) is above error_if ({self.error_if}): it would never warn")
        return self

    def rule(self) -> m.Rule:
        """Return the rule of the check."""
        raise NotImplementedError  # each type has its own

    def rule_of(self, node: str) -> m.Rule:
        """Return the rule for a table, given the name by which tests refer to the table."""
        return self.rule()

    @property
    def condition(self) -> str | None:
        """The condition that selects the rows to judge."""
        return self.where


class CheckSettingsShape(SettingsShape):
    """The settings of checks by folder and by rule."""

    severity: m.Severity | None = None
    tags: Names = []
    store_failures: bool | None = None


class NotNullShape(CheckShape):
    type: Literal["not_null"]
    column: str

    def rule(self) -> m.Rule:
        return m.NotNull(self.column)


class UniqueShape(CheckShape):
    type: Literal["unique"]
    column: Annotated[Names, Field(min_length=1)]

    def rule(self) -> m.Rule:
        return m.Unique(tuple(self.column))


def _accepted(value: Any) -> Any:  # Any: any value of YAML
    if value is None:
        raise ValueError("null cannot be listed: NULL passes anyway; a check of type not_null forbids it")
    if isinstance(value, list | dict):
        raise ValueError(f"{value!r} is not a plain value; write it as a text")
    return str(value) if isinstance(value, date) else value


class AcceptedValuesShape(CheckShape):
    type: Literal["accepted_values"]
    column: str
    values: list[str | bool | int | float] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        return [_accepted(value) for value in values] if isinstance(values, list) else values

    def rule(self) -> m.Rule:
        return m.AcceptedValues(self.column, tuple(self.values))


class RowCountBetweenShape(CheckShape):
    type: Literal["row_count_between"]
    column: None = None
    min_rows: Annotated[int, Number] = Field(default=1, ge=0)
    max_rows: Annotated[int | None, Number] = Field(default=None, ge=0)

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
    column: str
    threshold: Annotated[float, Number] = 0

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


Bound: TypeAlias = Annotated[int | float | datetime | None, BeforeValidator(_bound)]


class BetweenShape(CheckShape):
    type: Literal["between"]
    column: str
    min: Bound = None
    max: Bound = None

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
    column: str
    pattern: Annotated[Filled, AfterValidator(_pattern)]

    def rule(self) -> m.Rule:
        return m.MatchesRegex(self.column, self.pattern)


class ExpressionShape(CheckShape):
    """A condition on each row. Beside a column it is about that column, which it must still name itself."""

    type: Literal["expression"]
    column: str | None = None
    expression: Annotated[Filled, AfterValidator(whole_condition)]

    def rule(self) -> m.Rule:
        return m.Expression(self.expression, self.column)


class NotConstantShape(CheckShape):
    type: Literal["not_constant"]
    column: str

    def rule(self) -> m.Rule:
        return m.NotConstant(self.column)


class SumBetweenShape(CheckShape):
    type: Literal["sum_between"]
    column: str
    min: Annotated[float | None, Number] = None
    max: Annotated[float | None, Number] = None

    @model_validator(mode="after")
    def _bounds_in_order(self) -> SumBetweenShape:
        _in_order(self.min, self.max)
        return self

    def rule(self) -> m.Rule:
        return m.SumBetween(self.column, self.min, self.max)


class RecencyShape(CheckShape):
    type: Literal["recency"]
    column: str
    group_by: Annotated[Names, Field(min_length=1)]
    max_delay_minutes: Annotated[float, Number] = Field(gt=0, le=1_000_000_000)

    def rule(self) -> m.Rule:
        return m.Recency(self.column, tuple(self.group_by), self.max_delay_minutes)


class ColumnTypesShape(CheckShape):
    type: Literal["column_types"]
    column: None = None
    where: None = None
    columns: dict[Filled, Filled] = Field(min_length=1)
    exact: bool = False

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
    column: str | None = None
    scope: Literal["table"] = "table"
    measure: m.DriftMeasure | None = None
    max_change: Annotated[float, Number] = Field(default=0.2, ge=0)

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
    column: None = None
    to: Filled

    @property
    def condition(self) -> str | None:
        return None  # a reconciliation has a `where` on each side

    def rule_of(self, node: str) -> m.Rule:
        return m.RowCountEquals(m.Measure(node, "count(*)", self.where), m.Measure(self.to, "count(*)"))


class NonNegativeSumShape(CheckShape):
    type: Literal["non_negative_sum"]
    column: str

    def rule(self) -> m.Rule:
        return m.NonNegativeSum(self.column)


class FreshnessShape(CheckShape):
    type: Literal["freshness"]
    column: str
    max_delay_minutes: Annotated[float, Number] = Field(gt=0, le=1_000_000_000)

    def rule(self) -> m.Rule:
        return m.Freshness(self.column, self.max_delay_minutes)


class RelationshipsShape(CheckShape):
    """A foreign key; `to` is a name, also as ref('...') or source('...', '...'), which the loader resolves."""

    type: Literal["relationships"]
    column: str
    to: str
    field: str = Field(alias="to_field", default="id")  # both names of the key are read

    def rule(self) -> m.Rule:
        return m.Relationships(self.column, self.to, self.field)


class MeasureShape(Shape):
    """One side of a reconciliation: an aggregate over a table."""

    table: Filled
    expr: Filled
    where: Condition | None = None

    def value(self) -> m.Measure:
        return m.Measure(self.table, self.expr, self.where)


class KeyShape(Shape):
    """One side of a coverage: the key of a table."""

    table: Filled
    key: Filled
    where: Condition | None = None

    def value(self) -> m.Measure:
        return m.Measure(self.table, self.key, self.where)


class ReconcileShape(CheckShape):
    """A comparison of two tables; its two sides name them, each with its own `where`."""

    column: None = None
    where: None = None


class TotalsShape(ReconcileShape):
    left: MeasureShape
    right: MeasureShape


class ReconcileEqualShape(TotalsShape):
    type: Literal["reconcile_equal"]
    abs_tolerance: Annotated[float, Number] = Field(default=0, ge=0)

    def rule(self) -> m.Rule:
        return m.ReconcileDifference(self.left.value(), self.right.value(), self.abs_tolerance)


class ReconcileDiffShape(TotalsShape):
    type: Literal["reconcile_diff_within"]
    max_abs_diff: Annotated[float, Number] = Field(ge=0)

    def rule(self) -> m.Rule:
        return m.ReconcileDifference(self.left.value(), self.right.value(), self.max_abs_diff)


class ReconcileRatioShape(TotalsShape):
    type: Literal["reconcile_ratio_within"]
    min_ratio: Annotated[float | None, Number] = None
    max_ratio: Annotated[float | None, Number] = None

    @model_validator(mode="after")
    def _bounds_in_order(self) -> ReconcileRatioShape:
        if self.min_ratio is None and self.max_ratio is None:
            raise ValueError("set min_ratio, max_ratio, or both")
        if self.min_ratio is not None and self.max_ratio is not None and self.max_ratio < self.min_ratio:
            raise ValueError(f"max_ratio ({self.max_ratio}) is below min_ratio ({self.min_ratio})")
        return self

    def rule(self) -> m.Rule:
        return m.ReconcileRatio(self.left.value(), self.right.value(), self.min_ratio, self.max_ratio)


class ReconcileCoverageShape(ReconcileShape):
    type: Literal["reconcile_coverage"]
    source: KeyShape
    target: KeyShape

    def rule(self) -> m.Rule:
        return m.ReconcileCoverage(self.source.value(), self.target.value())


class AssetCheckShape(CheckShape):
    """A Dagster asset check, by name and file, that judges the staged rows, and returns its own message."""

    type: Literal["asset_check"]
    column: None = None
    where: None = None
    scope: Literal["table"] = "table"
    name: Name
    file: Filled
    gate: bool

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
    column: str | None = None
    params: dict[str, Any] = {}


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
