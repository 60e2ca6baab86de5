"""The shapes of reconciliations: checks that compare two tables."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.check_keys import CheckShape, Condition
from fft_core.project.shapes.shape import Filled, Number, Shape


class MeasureShape(Shape):
    """One side of a reconciliation: an aggregate over a table."""

    table: Filled
    """The table: a model, a seed, or a source as `group.table`."""
    expr: Filled
    """The aggregate in SQL."""
    where: Condition | None = None
    """A condition in SQL that chooses the rows of this side."""

    def value(self) -> m.Measure:
        return m.Measure(self.table, self.expr, self.where)


class KeyShape(Shape):
    """One side of a coverage: the key of a table."""

    table: Filled
    """The table: a model, a seed, or a source as `group.table`."""
    key: Filled
    """The key: a column, or an expression in SQL."""
    where: Condition | None = None
    """A condition in SQL that chooses the rows of this side."""

    def value(self) -> m.Measure:
        return m.Measure(self.table, self.key, self.where)


class ReconcileShape(CheckShape):
    """A comparison of two tables; its two sides name them, each with its own `where`."""

    column: None = None
    where: None = None


class TotalsShape(ReconcileShape):
    left: MeasureShape
    """The first total."""
    right: MeasureShape
    """The second total."""


class ReconcileEqualShape(TotalsShape):
    type: Literal["reconcile_equal"]
    """The type of the check."""
    abs_tolerance: Annotated[float, Number] = Field(default=0, ge=0)
    """The largest difference that passes."""

    def rule(self) -> m.Rule:
        return m.ReconcileDifference(self.left.value(), self.right.value(), self.abs_tolerance)


class ReconcileDiffShape(TotalsShape):
    type: Literal["reconcile_diff_within"]
    """The type of the check."""
    max_abs_diff: Annotated[float, Number] = Field(ge=0)
    """The largest difference that passes."""

    def rule(self) -> m.Rule:
        return m.ReconcileDifference(self.left.value(), self.right.value(), self.max_abs_diff)


class ReconcileRatioShape(TotalsShape):
    type: Literal["reconcile_ratio_within"]
    """The type of the check."""
    min_ratio: Annotated[float | None, Number] = None
    """The smallest ratio `left / right` that passes. `min_ratio`, `max_ratio` or both are required."""
    max_ratio: Annotated[float | None, Number] = None
    """The largest ratio `left / right` that passes."""

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
    """The type of the check."""
    source: KeyShape
    """The keys that must be in the target."""
    target: KeyShape
    """The keys that there are."""

    def rule(self) -> m.Rule:
        return m.ReconcileCoverage(self.source.value(), self.target.value())
