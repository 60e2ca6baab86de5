"""Checks: a rule about the rows of one model, seed or source, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from fft_core.errors import Location
from fft_core.project.model.nodes import SourceName
from fft_core.project.model.rules import (
    AcceptedValues,
    Between,
    ColumnTypes,
    Drift,
    Expression,
    Freshness,
    GreaterEqual,
    JudgedRows,
    MatchesRegex,
    NonNegativeSum,
    NotConstant,
    NotNull,
    PythonCheck,
    Recency,
    ReconcileCoverage,
    ReconcileDifference,
    ReconcileRatio,
    Relationships,
    RowCountBetween,
    RowCountEquals,
    SqlCheck,
    SumBetween,
    Unique,
)

Severity: TypeAlias = Literal["error", "warn"]
Scope: TypeAlias = Literal["table", "delta"]
Outcome: TypeAlias = Literal["pass", "warn", "fail"]
Rule: TypeAlias = (
    NotNull
    | Unique
    | AcceptedValues
    | RowCountBetween
    | GreaterEqual
    | Between
    | MatchesRegex
    | Expression
    | NotConstant
    | NonNegativeSum
    | SumBetween
    | Freshness
    | Recency
    | ColumnTypes
    | Drift
    | Relationships
    | RowCountEquals
    | ReconcileDifference
    | ReconcileRatio
    | ReconcileCoverage
    | SqlCheck
    | PythonCheck
    | JudgedRows
)


@dataclass(frozen=True)
class Threshold:
    """How much may fail: more than so many, or with `is_share` percent of what is judged; `is_reached` at so much."""

    limit: float
    is_share: bool = False
    is_reached: bool = False

    def is_passed_by(self, failing: int, total: int) -> bool:
        """Whether so many of so many are beyond it.

        >>> Threshold(1, is_share=True).is_passed_by(2, 200), Threshold(1, is_share=True).is_passed_by(3, 200)
        (False, True)
        """
        limit = Fraction(str(self.limit)) * (total if self.is_share else 1) / (100 if self.is_share else 1)
        return failing > limit or (self.is_reached and failing == limit and failing > 0)

    def is_below(self, other: Threshold) -> bool:
        """Whether it is passed by less than another one; nobody knows if one of them is a share."""
        if self.is_share != other.is_share:
            return False
        if self.is_share:
            return (self.limit, not self.is_reached) < (other.limit, not other.is_reached)
        return self.limit + (not self.is_reached) < other.limit + (not other.is_reached)

    def __str__(self) -> str:
        return f"{'>=' if self.is_reached else '>'} {self.limit:g}{'%' if self.is_share else ''}"


_ANY = Threshold(0)


@dataclass(frozen=True)
class Check:
    """A rule about the rows of one model, seed or source; `name` is unique among those of its node.

    Attributes:
        scope: Which rows it judges in the build of an incremental model: the table with the new rows in it, or those.
        meta: What the user notes of it; nothing depends on that.
        warn_if: From how much on it warns; None if nothing may fail.
        error_if: From how much on it fails; None if nothing may fail, or if it only warns.
        store_failures: Whether failing rows are kept in a table.
        hidden: The columns of its node whose values are shown to nobody, in lower case.
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
    meta: Mapping[str, object] = field(default_factory=dict, hash=False)
    warn_if: Threshold | None = None
    error_if: Threshold | None = None
    store_failures: bool = False
    hidden: tuple[str, ...] = ()

    @property
    def can_warn(self) -> bool:
        """Whether it can be neither passed nor failed: what it warned of is not kept."""
        return self.severity == "warn" or self.error_if is not None

    def outcome(self, failing: int, total: int) -> Outcome:
        """Say what it means if so many of so many fail."""
        if self.severity == "error" and (self.error_if or _ANY).is_passed_by(failing, total):
            return "fail"
        return "warn" if (self.warn_if or _ANY).is_passed_by(failing, total) else "pass"
