"""Rules about the rows of one model, seed or source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from fft_core.errors import Location
from fft_core.project.model.nodes import SourceName

Severity: TypeAlias = Literal["error", "warn"]
Scope: TypeAlias = Literal["table", "delta"]


@dataclass(frozen=True)
class NotNull:
    """No row has NULL in the column."""

    column: str


@dataclass(frozen=True)
class Unique:
    """No two rows have the same values; NULL counts as a value, as documented for FFT."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class AcceptedValues:
    """Every value that is not NULL is one of these."""

    column: str
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class RowCountBetween:
    """The table has at least `minimum` and at most `maximum` rows."""

    minimum: int
    maximum: int | None = None


@dataclass(frozen=True)
class GreaterEqual:
    """Every value that is not NULL is at least `threshold`; NaN is not."""

    column: str
    threshold: int | float


@dataclass(frozen=True)
class NonNegativeSum:
    """The sum of the column is not below zero, and is a number."""

    column: str


@dataclass(frozen=True)
class Freshness:
    """The latest timestamp of the column is at most so many minutes old; infinity is none."""

    column: str
    max_delay_minutes: float


@dataclass(frozen=True)
class Relationships:
    """Every value is found in `field` of `to`; a NULL is not found, as documented for FFT."""

    column: str
    to: str | SourceName
    field: str


Rule: TypeAlias = (
    NotNull | Unique | AcceptedValues | RowCountBetween | GreaterEqual | NonNegativeSum | Freshness | Relationships
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
