"""The keys of all checks, and the settings of checks by folder and by rule."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, model_validator

from fft_core.project import model as m
from fft_core.project.shapes.conditions import whole_condition
from fft_core.project.shapes.shape import Name, Names, SettingsShape, Shape, Words

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


Threshold: TypeAlias = Annotated[m.Threshold | None, BeforeValidator(_threshold), Words("text")]


Condition: TypeAlias = Annotated[str, AfterValidator(whole_condition)]


class CheckShape(Shape):
    """The keys of every check."""

    table: str = ""
    """In `project.yml` only: a model, a seed, `group.table` of a source, or its identifier; `ref('x')` and `source('g',
    't')` are read too. Reconciliations have none.
    """
    name: Name | None = None
    """The name of the check in Dagster and in reports. [default: type and columns]"""
    severity: m.Severity = "error"
    """`error`: failing rows are not published. `warn`: they are reported and published."""
    where: Condition | None = None
    """A condition in SQL: the rule is about these rows only."""
    tags: Names = []
    """Tags of the check, for Dagster and selections."""
    description: str | None = None
    """The text that Dagster shows. [default: the rule in words]"""
    scope: m.Scope = "table"
    """`delta`: judge only the new rows of an incremental model or stream."""
    meta: dict[str, Any] = {}
    """Your own notes, shown in Dagster and in `manifest.json`, without any effect."""
    warn_if: Threshold = None
    """The amount of failing rows that makes the check warn, as `"> 10"` or `"> 1%"`."""
    error_if: Threshold = None
    """The amount of failing rows that makes the check fail, as `"> 10"` or `"> 1%"`."""
    store_failures: bool = False
    """`true`: keep the failing rows in a table."""

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
    """The severity of the checks."""
    tags: Names = []
    """Tags, in addition to those of the check."""
    store_failures: bool | None = None
    """`true`: keep the failing rows in tables."""
