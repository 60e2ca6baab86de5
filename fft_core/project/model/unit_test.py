"""Unit tests of models as values: rows for the inputs, and the expected rows of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from fft_core.errors import Location
from fft_core.project.model.nodes import SourceName

RowOfCells: TypeAlias = Mapping[str, object]  # any value of YAML


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
        nodes: The node that has these rows: one model, seed or source, or several names of one table. For the tested
            model itself, the rows are its table before the build.
        rows: The rows in the order written.
        location: Their place: in the case, or in a fixture.
        types: The declared types of columns. Declared columns that are missing in all rows are NULL.
        other_type: The type of the other columns; None: inferred from the values.
    """

    nodes: tuple[str | SourceName, ...]
    rows: tuple[RowOfCells, ...] | CsvText | CsvFile
    location: Location
    types: Mapping[str, str] = field(default_factory=dict)
    other_type: str | None = None


@dataclass(frozen=True)
class ExpectedRows:
    """The expected result of a case.

    Attributes:
        rows: The expected rows. Their columns are compared; other columns of the model are ignored.
        order_by: The columns that pair rows if they differ, and that sort the displayed rows.
        any_order: Whether the order of rows is ignored.
        approx: The tolerance for numbers: for all columns, or by column.
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
        model: The tested model; of a chain, the last one.
        name: The name of the case.
        inputs: Rows for the inputs of the models, and for existing tables of incremental models.
        expected: The expected rows, by model.
        location: The place of the name.
        before: The models of a chain before the last one, in the order in which they run.
        frozen_at: The time that all clocks show, in UTC; None: the actual time.
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
        """All models that it runs, in order."""
        return (*self.before, self.model)

    def is_given(self, node: str | SourceName) -> bool:
        """Return whether a node has given rows; for a model that the case runs, they are its existing table."""
        return any(node in given.nodes for given in self.inputs)
