"""Rules about the rows of one model, seed or source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self, TypeAlias

from fft_core.errors import Location
from fft_core.project.model.nodes import SourceName

Severity: TypeAlias = Literal["error", "warn"]
Scope: TypeAlias = Literal["table", "delta"]


class RowRule:
    """What each rule says of itself, beside the columns that it needs of the rows that it judges: `columns`."""

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The columns that it needs of the other models, seeds and sources that it reads."""
        return {}

    @property
    def reads(self) -> tuple[str | SourceName, ...]:
        """The other models, seeds and sources that it reads."""
        return tuple(self.needs)

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with other names for what it reads, as far as they are given."""
        return self


@dataclass(frozen=True)
class ColumnRule(RowRule):
    """A rule about one column."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it needs of the rows that it judges."""
        return (self.column,)


@dataclass(frozen=True)
class NotNull(ColumnRule):
    """No row has NULL in the column."""


@dataclass(frozen=True)
class Unique(RowRule):
    """No two rows have the same values; NULL counts as a value, as documented for FFT."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class AcceptedValues(ColumnRule):
    """Every value that is not NULL is one of these."""

    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class RowCountBetween(RowRule):
    """The table has at least `minimum` and at most `maximum` rows."""

    columns: ClassVar[tuple[str, ...]] = ()
    minimum: int
    maximum: int | None = None


@dataclass(frozen=True)
class GreaterEqual(ColumnRule):
    """Every value that is not NULL is at least `threshold`; NaN is not."""

    threshold: int | float


@dataclass(frozen=True)
class NonNegativeSum(ColumnRule):
    """The sum of the column is not below zero, and is a number."""


@dataclass(frozen=True)
class Freshness(ColumnRule):
    """The latest timestamp of the column is at most so many minutes old; infinity is none."""

    max_delay_minutes: float


@dataclass(frozen=True)
class Relationships(ColumnRule):
    """Every value is found in `field` of `to`; a NULL is not found, as documented for FFT."""

    to: str | SourceName
    field: str

    @property
    def needs(self) -> Mapping[str | SourceName, tuple[str, ...]]:
        """The column of the other table."""
        return {self.to: (self.field,)}

    def linked(self, targets: Mapping[str | SourceName, str | SourceName]) -> Self:
        """Return the same rule with another name for the other table, if it is given."""
        return replace(self, to=targets.get(self.to, self.to))


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
