"""Checks: a rule about the rows of one model, seed or source, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
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
)


@dataclass(frozen=True)
class Check:
    """A rule about the rows of one model, seed or source; `name` is unique among those of its node.

    `scope` says which rows it judges in the build of an incremental model: the table with the new rows in it, or those.
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
