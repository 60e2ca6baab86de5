"""The shape of budgets.yml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.shape import Number, Shape, Words, milliseconds

_Amount = Annotated[int, Number, Field(ge=0)]
_Time = Annotated[int, Number, Field(ge=0), BeforeValidator(milliseconds), Words("whole number, or text with a unit")]


class LimitsShape(Shape):
    """The amounts that cause a warning, and an error."""

    warn: _Amount | None = None
    """The amount from which a run ends with a warning. `warn`, `error` or both are required."""
    error: _Amount | None = None
    """The amount from which a run fails."""

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
    """The time from which a run ends with a warning: milliseconds, or a text such as `30s`."""
    error: _Time | None = None
    """The time from which a run fails."""


class BudgetShape(Shape):
    """The limits for the sum of all queries of a run, a model or a tag."""

    bytes_scanned: LimitsShape | None = None
    """Limits for estimated bytes, if the engine has estimates."""
    rows: LimitsShape | None = None
    """Limits for rows."""
    query_duration_ms: TimeLimitsShape | None = None
    """Limits for the time of statements."""

    def value(self) -> m.Budget:
        said = (self.bytes_scanned, self.rows, self.query_duration_ms)
        return m.Budget(*(limits.value() if limits else None for limits in said))


class QueryLimitShape(Shape):
    max_bytes: _Amount
    """A query that is expected to read more bytes is not run."""


class BudgetsShape(Shape):
    """The content of budgets.yml."""

    version: int | str | None = None
    """Read without effect."""
    query_limits: dict[str, QueryLimitShape] = {}
    """Limits for single queries, by engine."""
    total: BudgetShape = BudgetShape()
    """The budget of a run."""
    models: dict[str, BudgetShape] = {}
    """Budgets of models, by name."""
    tags: dict[str, BudgetShape] = {}
    """Budgets of all models with a tag, by tag."""

    @field_validator("query_limits", "total", "models", "tags", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content
