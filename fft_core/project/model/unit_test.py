"""Unit tests of models as values: rows that go in, and the rows that are expected to come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from fft_core.errors import Location
from fft_core.project.model.nodes import SourceName

RowOfCells: TypeAlias = Mapping[str, object]  # whatever YAML holds


@dataclass(frozen=True)
class CsvText:
    """Rows as the text of a CSV file."""

    text: str


@dataclass(frozen=True)
class CsvFile:
    """Rows in a CSV file; `path` is relative to the file of the tests, or to the project."""

    path: Path


@dataclass(frozen=True)
class GivenRows:
    """The rows of one input of a case.

    Attributes:
        nodes: What has these rows: one model, seed or source, or several names of one table. The model that is tested
            itself is the table that it adds to.
        rows: In the order written.
        location: Where they are written: in the case, or in a fixture.
        types: The types of columns, as declared. Those that no row has are NULL.
        other_type: The type of the other columns; by their values where None.
    """

    nodes: tuple[str | SourceName, ...]
    rows: tuple[RowOfCells, ...] | CsvText | CsvFile
    location: Location
    types: Mapping[str, str] = field(default_factory=dict)
    other_type: str | None = None


@dataclass(frozen=True)
class ExpectedRows:
    """What a case expects.

    Attributes:
        rows: Their columns are compared; other columns of the model are not.
        order_by: The columns by which rows are paired where they differ, and sorted where they are shown.
        any_order: Whether the order of rows does not matter.
        approx: By how much numbers may differ: all of them, or those of some columns.
        ignore_columns: Columns that are not compared.
        subset: Whether the model may have other rows as well.
    """

    rows: tuple[RowOfCells, ...]
    order_by: tuple[str, ...] = ()
    any_order: bool = True
    approx: float | Mapping[str, float] | None = None
    ignore_columns: tuple[str, ...] = ()
    subset: bool = False


@dataclass(frozen=True)
class UnitTest:
    """One case of one model, or of a chain of models; `name` is unique among those of its model.

    Attributes:
        model: The model that is tested; of a chain, the last one.
        name: What the case is called.
        inputs: What is read from outside, and tables of their own that incremental models add to.
        expected: The rows that are expected, by the model that has them.
        location: Where the name stands.
        before: The models of a chain that come before the last one, in the order in which they run.
        frozen_at: The time that all clocks show, in UTC; None for the time of the day.
    """

    model: str
    name: str
    inputs: tuple[GivenRows, ...]
    expected: Mapping[str, ExpectedRows]
    location: Location
    before: tuple[str, ...] = ()
    frozen_at: datetime | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """All that it runs, in order."""
        return (*self.before, self.model)

    def is_given(self, node: str | SourceName) -> bool:
        """Whether a node is given rows; a model that it runs is then given the table that it adds to."""
        return any(node in given.nodes for given in self.inputs)
