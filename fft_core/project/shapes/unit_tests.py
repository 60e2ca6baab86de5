"""The shapes of tests/unit/*.yml and tests/fixtures/*.yml."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from fft_core.project.shapes.shape import Names, Shape


def _named_columns(row: dict[Any, Any]) -> dict[str, Any]:
    for name in row:
        if not isinstance(name, str):
            raise ValueError(f"the column {name!r} is not text: quote it (YAML reads yes, no, on and off as booleans)")
    return row


CellsOfRow = Annotated[dict[Any, Any], AfterValidator(_named_columns)]


class FixtureShape(Shape):
    """Rows that several cases share; `columns` gives types."""

    rows: list[CellsOfRow] | None = None
    csv: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rows_or_csv(self) -> FixtureShape:
        if (self.rows is None) == (self.csv is None):
            raise ValueError("set either rows or csv")
        return self


class GivenShape(Shape):
    """The rows of one input: its own, or those of fixtures; `columns` gives types."""

    rows: list[CellsOfRow] | None = None
    csv: str | None = None
    fixture: Annotated[Names, Field(min_length=1)] | None = None
    columns: dict[str, str] = Field(default_factory=dict)

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
    rows: list[CellsOfRow] | None = None
    order_by: Names = Field(default_factory=list)
    any_order: bool = True
    approx: Annotated[Any, AfterValidator(_tolerance)] = None
    ignore_columns: Names = Field(default_factory=list)
    subset: bool = False


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


Moment = Annotated[datetime | None, BeforeValidator(_moment)]


class DefaultsShape(Shape):
    """The settings that all cases of a file share."""

    inputs: dict[str, GivenShape] = Field(default_factory=dict)
    expect: ExpectShape = ExpectShape()
    freeze: Moment = None

    @field_validator("inputs", "expect", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content


class CaseShape(Shape):
    """One case; its keys win over those of the defaults."""

    name: str = Field(min_length=1)
    inputs: dict[str, GivenShape] = Field(default_factory=dict)
    expect: list[ExpectShape] = Field(default_factory=list)
    freeze: Moment = None

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
    models: list[str] | None = Field(default=None, min_length=1)
    engine: str | None = None
    defaults: DefaultsShape = DefaultsShape()
    cases: list[CaseShape] = Field(min_length=1)

    @field_validator("defaults", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content

    @model_validator(mode="after")
    def _one_or_a_chain(self) -> UnitTestsShape:
        if (self.model is None) == (self.models is None):
            raise ValueError("name either a model, or the models of a chain: missing key 'model'")
        return self
