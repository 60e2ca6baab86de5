"""The shape of budgets.yml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.shape import Number, Shape, milliseconds

_Amount = Annotated[int, Number, Field(ge=0)]
_Time = Annotated[int, Number, Field(ge=0), BeforeValidator(milliseconds)]


class LimitsShape(Shape):
    """The amounts that cause a warning, and an error."""

    warn: _Amount | None = None
    error: _Amount | None = None

    @model_validator(mode="after")
    def _in_order(self) -> LimitsShape:
        if self.warn is None and self.error is None:
            raise ValueError("set warn, error, or both")
        if self.warn is not None and self.error is not None and self.error < self.warn:
            raise ValueError(f"error ({self.error}) is below warn ({self.warn})")
        return self

    def value(self) -> m.Limits:
        return m.Limits(self.warn, self.error)


class TimeLimitsShape(LimitsShape):
    warn: _Time | None = None
    error: _Time | None = None


class BudgetShape(Shape):
    """The limits for the sum of all queries of a run, a model or a tag."""

    bytes_scanned: LimitsShape | None = None
    rows: LimitsShape | None = None
    query_duration_ms: TimeLimitsShape | None = None

    def value(self) -> m.Budget:
        said = (self.bytes_scanned, self.rows, self.query_duration_ms)
        return m.Budget(*(limits.value() if limits else None for limits in said))


class QueryLimitShape(Shape):
    max_bytes: _Amount


class BudgetsShape(Shape):
    """The content of budgets.yml."""

    version: int | str | None = None
    query_limits: dict[str, QueryLimitShape] = {}
    total: BudgetShape = BudgetShape()
    models: dict[str, BudgetShape] = {}
    tags: dict[str, BudgetShape] = {}

    @field_validator("query_limits", "total", "models", "tags", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content
