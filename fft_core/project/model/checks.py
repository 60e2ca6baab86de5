"""Checks: a rule about the rows of one model, seed or source, with its severity, thresholds and settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """The number of failing rows that is too much: more than `limit`, or at least `limit` with `is_reached`.

    With `is_share`, `limit` is a percentage of the judged rows."""

    limit: float
    is_share: bool = False
    is_reached: bool = False

    def is_passed_by(self, failing: int, total: int) -> bool:
        """Return whether `failing` of `total` rows exceed the threshold.

        >>> Threshold(1, is_share=True).is_passed_by(2, 200), Threshold(1, is_share=True).is_passed_by(3, 200)
        (False, True)
        """
        from fractions import Fraction  # for failing rows only

        limit = Fraction(str(self.limit)) * (total if self.is_share else 1) / (100 if self.is_share else 1)
        return failing > limit or (self.is_reached and failing == limit and failing > 0)

    def is_below(self, other: Threshold) -> bool:
        """Return whether fewer failing rows exceed it than exceed another one; False if only one of both is a share."""
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
    """A rule about the rows of one model, seed or source; `name` is unique among the checks of its node.

    Attributes:
        scope: The rows to judge when an incremental model is built: the whole table after the change, or the new rows.
        meta: Notes of the user; nothing depends on them.
        warn_if: The threshold of a warning; None: any failing row warns.
        error_if: The threshold of a failure; None: any failing row fails the check, unless its severity is to warn.
        store_failures: Whether failing rows are kept in a table.
        hidden: Columns of its node whose values must never be shown, in lower case.
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
        """Whether a warning is a possible outcome. The rows behind a warning are not kept."""
        return self.severity == "warn" or self.error_if is not None

    def outcome(self, failing: int, total: int) -> Outcome:
        """Return the outcome of `failing` of `total` rows."""
        if self.severity == "error" and (self.error_if or _ANY).is_passed_by(failing, total):
            return "fail"
        return "warn" if (self.warn_if or _ANY).is_passed_by(failing, total) else "pass"
