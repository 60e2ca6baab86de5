"""The shapes of tests/unit/*.yml."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from fft_core.project.shapes.shape import Names, Shape


def _named_columns(row: dict[Any, Any]) -> dict[str, Any]:
    for name in row:
        if not isinstance(name, str):
            raise ValueError(f"the column {name!r} is not text: quote it (YAML reads yes, no, on and off as booleans)")
    return row


CellsOfRow = Annotated[dict[Any, Any], AfterValidator(_named_columns)]


class GivenShape(Shape):
    """The rows of one input; `columns` gives types."""

    rows: list[CellsOfRow] | None = None
    csv: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rows_or_csv(self) -> GivenShape:
        if (self.rows is None) == (self.csv is None):
            raise ValueError("give either rows or csv")
        return self


APPROXIMATELY = 1e-9


def _tolerance(value: object) -> object:
    """How far numbers may be apart; `true` is for rounding errors alone."""
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
    """What a case expects; only what is written is set."""

    relation: str | None = None
    rows: list[CellsOfRow] | None = None
    order_by: Names = Field(default_factory=list)
    any_order: bool = True
    approx: Annotated[Any, AfterValidator(_tolerance)] = None
    ignore_columns: Names = Field(default_factory=list)
    subset: bool = False


class DefaultsShape(Shape):
    """What all cases of a file have in common."""

    inputs: dict[str, GivenShape] = Field(default_factory=dict)
    expect: ExpectShape = ExpectShape()

    @field_validator("inputs", "expect", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content


class CaseShape(DefaultsShape):
    """One case; its keys win over those of the defaults."""

    name: str = Field(min_length=1)

    @field_validator("name", mode="before")
    @classmethod
    def _name_as_text(cls, name: object) -> object:
        return str(name) if isinstance(name, int | float) else name


class UnitTestsShape(Shape):
    """One file: the cases of one model."""

    model: str
    engine: str | None = None
    defaults: DefaultsShape = DefaultsShape()
    cases: list[CaseShape] = Field(min_length=1)

    @field_validator("defaults", mode="before")
    @classmethod
    def _empty_key(cls, content: object) -> object:
        return {} if content is None else content
