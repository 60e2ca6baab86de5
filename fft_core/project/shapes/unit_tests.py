"""The shapes of tests/unit/*.yml and tests/fixtures/*.yml."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from fft_core.project.shapes.shape import Names, Shape, Words


def _named_columns(row: dict[Any, Any]) -> dict[str, Any]:
    for name in row:
        if not isinstance(name, str):
            raise ValueError(f"the column {name!r} is not text: quote it (YAML reads yes, no, on and off as booleans)")
    return row


CellsOfRow = Annotated[dict[Any, Any], AfterValidator(_named_columns), Words("mapping")]


class FixtureShape(Shape):
    """Rows that several cases share; `columns` gives types."""

    rows: list[CellsOfRow] | None = None
    """The rows. `rows` or `csv` is required."""
    csv: str | None = None
    """The text of a CSV, or the path of one."""
    columns: dict[str, str] = Field(default_factory=dict)
    """The types of columns, by name."""

    @model_validator(mode="after")
    def _rows_or_csv(self) -> FixtureShape:
        if (self.rows is None) == (self.csv is None):
            raise ValueError("set either rows or csv")
        return self


class GivenShape(Shape):
    """The rows of one input: its own, or those of fixtures; `columns` gives types."""

    rows: list[CellsOfRow] | None = None
    """The rows. One of `rows`, `csv` and `fixture` is required."""
    csv: str | None = None
    """The text of a CSV, or the path of one."""
    fixture: Annotated[Names, Field(min_length=1)] | None = None
    """The name of shared rows, or a list of names."""
    columns: dict[str, str] = Field(default_factory=dict)
    """The types of columns, by name."""

    @model_validator(mode="after")
    def _one_of_them(self) -> GivenShape:
        if sum(said is not None for said in (self.rows, self.csv, self.fixture)) != 1:
            raise ValueError("set either rows or csv, or a fixture")
        return self


APPROXIMATELY = 1e-9


def _tolerance(value: object) -> object:
    """Return the tolerance for numbers; `true` allows rounding errors only."""
    if value is None or value is False:
        return None
    if value is True:
        return APPROXIMATELY
    tolerances = value if isinstance(value, dict) else {"": value}
    for tolerance in tolerances.values():
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not tolerance >= 0:
            raise ValueError(f"{tolerance!r} is not a tolerance; write true, a number, or a number for each column")
    return value


class ExpectShape(Shape):
    """The expected rows of a case, with the keys that are written."""

    relation: str | None = None
    """The model with these rows. [default: the model, or the last one of a chain]"""
    rows: list[CellsOfRow] | None = None
    """The expected rows; required in the case or in `defaults`."""
    order_by: Names = Field(default_factory=list)
    """The columns that identify a row: rows are paired by them in the output, and sorted."""
    any_order: bool = True
    """`false`: the rows must come in the written order."""
    approx: Annotated[Any, AfterValidator(_tolerance), Words("true or false, number, or mapping of numbers")] = None
    """The allowed difference of numbers: `true` for rounding errors, a number, or a number by column."""
    ignore_columns: Names = Field(default_factory=list)
    """Columns that are not compared."""
    subset: bool = False
    """`true`: the model may have other rows as well."""


def _moment(value: object) -> object:
    """Read a time from YAML or from text; a date is its midnight, and a time without a zone is in UTC."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value is not None:
        raise ValueError(f"{value!r} is not a time; write 2026-01-31T12:00:00Z, or a date")
    return None


Moment = Annotated[datetime | None, BeforeValidator(_moment), Words("date or time")]


class DefaultsShape(Shape):
    """The settings that all cases of a file share."""

    inputs: dict[str, GivenShape] = Field(default_factory=dict)
    """The given rows of all cases, by input."""
    expect: ExpectShape = ExpectShape()
    """Keys of `expect` for all cases."""
    freeze: Moment = None
    """The time that all clocks show."""

    @field_validator("inputs", "expect", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content


class CaseShape(Shape):
    """One case; its keys win over those of the defaults."""

    name: str = Field(min_length=1)
    """The name of the case."""
    inputs: dict[str, GivenShape] = Field(default_factory=dict)
    """The given rows, by input: a model, a seed, the identifier of a source, or `group.table`."""
    expect: Annotated[list[ExpectShape], Words("mapping, or list of mappings")] = Field(default_factory=list)
    """The expected rows; for a chain, also a list with an item for each model."""
    freeze: Moment = None
    """The time that all clocks show; `null`: the real time."""

    @field_validator("inputs", mode="before")
    @classmethod
    def _empty_inputs(cls, content: object) -> object:
        return {} if content is None else content

    @field_validator("expect", mode="before")
    @classmethod
    def _one_or_several(cls, content: object) -> object:
        """Return the expected rows of one model, or a list of them for several models of a chain."""
        return content if isinstance(content, list) else [{} if content is None else content]

    @field_validator("name", mode="before")
    @classmethod
    def _name_as_text(cls, name: object) -> object:
        return str(name) if isinstance(name, int | float) else name


class UnitTestsShape(Shape):
    """One file: the cases of one model, or of a chain of models."""

    model: str | None = None
    """The tested model. `model` or `models` is required."""
    models: list[str] | None = Field(default=None, min_length=1)
    """The models of a chain, which are tested together."""
    engine: str | None = None
    """The engine that the file is for. [default: all]"""
    defaults: DefaultsShape = DefaultsShape()
    """Keys for all cases."""
    cases: list[CaseShape] = Field(min_length=1)
    """The cases."""

    @field_validator("defaults", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content

    @model_validator(mode="after")
    def _one_or_a_chain(self) -> UnitTestsShape:
        if (self.model is None) == (self.models is None):
            raise ValueError("name either a model, or the models of a chain: missing key 'model'")
        return self
