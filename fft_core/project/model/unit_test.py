"""Unit tests of models as values: rows that go in, and the rows that are expected to come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        location: Where they are written.
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
    """One case of one model; `name` is unique among those of its model."""

    model: str
    name: str
    inputs: tuple[GivenRows, ...]
    expected: ExpectedRows
    location: Location

    @property
    def is_incremental(self) -> bool:
        """Whether the model is given the table that it adds to."""
        return any(self.model in given.nodes for given in self.inputs)
