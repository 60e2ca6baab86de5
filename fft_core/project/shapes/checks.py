"""The shapes of checks."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.shape import Name, Number, Shape


class CheckShape(Shape):
    """What every check may say."""

    table: str = ""
    name: Name | None = None
    severity: m.Severity = "error"
    where: str | None = None
    tags: list[str] = []
    description: str | None = None
    scope: m.Scope = "table"


class NotNullShape(CheckShape):
    type: Literal["not_null"]
    column: str

    def rule(self) -> m.Rule:
        return m.NotNull(self.column)


class UniqueShape(CheckShape):
    type: Literal["unique"]
    column: str | list[str]

    def rule(self) -> m.Rule:
        return m.Unique((self.column,) if isinstance(self.column, str) else tuple(self.column))


def _accepted(value: Any) -> Any:  # Any: whatever YAML holds
    if value is None:
        raise ValueError("null is no value to list: NULL passes anyway; a check of type not_null forbids it")
    if isinstance(value, list | dict):
        raise ValueError(f"{value!r} is no plain value; write it as a text")
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
    """`to` is a name, or a name written as ref('...') or source('...', '...'); the loader resolves it."""

    type: Literal["relationships"]
    column: str
    to: str
    field: str = Field(alias="to_field", default="id")  # both spellings are read

    def rule(self) -> m.Rule:
        return m.Relationships(self.column, self.to, self.field)


AnyCheck: TypeAlias = (
    NotNullShape
    | UniqueShape
    | AcceptedValuesShape
    | RowCountBetweenShape
    | GreaterEqualShape
    | NonNegativeSumShape
    | FreshnessShape
    | RelationshipsShape
)
CheckUnion = Annotated[AnyCheck, Field(discriminator="type")]
