"""The shape of seeds/schema.yml."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from fft_core.engines.spec.csv_format import CsvFormat
from fft_core.errors import nearest
from fft_core.project.shapes.shape import TEXTS, Shape


class SeedTargetShape(Shape):
    schema_: str | None = Field(default=None, alias="schema")
    """The schema of the table. [default: the profile's]"""
    table: str | None = None
    """The name of the table. [default: the name of the file]"""
    schema_by_engine: dict[str, str] = {}
    """The schema by engine; it wins over `schema`."""


class SeedColumnShape(Shape):
    type: str
    """The type of the column."""
    engines: dict[str, str] = {}
    """Other types, by engine."""

    def type_on(self, engine: str) -> str:
        return self.engines.get(engine, self.type)


# The types of pandas, by the names in `dtypes`, as types of seeds.
_PANDAS = {
    "object": "string", "str": "string", "string": "string", "int": "integer", "int64": "integer", "int32": "integer",
    "float": "double", "float64": "double", "float32": "double", "bool": "boolean", "boolean": "boolean",
    "datetime64[ns]": "timestamp", "datetime64[ns, utc]": "timestamptz",
}  # fmt: skip


def _our_word(dtype: object) -> object:
    found = _PANDAS.get(str(dtype).lower())
    if found is None:
        raise ValueError(f"{dtype!r} is not a supported type of pandas; set the column's type in `columns`")
    return found


def _one_character(text: str) -> str:
    if len(text) != 1 or not text.isascii() or text.isalnum() or text in ".-+\r\n":
        raise ValueError(
            f"{text!r} is not one ASCII character; write one as ';', '|' or \"\\t\"; no letter, digit or sign"
        )
    return text


def _encoding(name: str) -> str:
    try:
        is_text = codecs.lookup(name)._is_text_encoding
    except LookupError:
        is_text = False
    if not is_text:
        known = nearest(name.lower(), ("utf-8", "utf-16", "latin-1", "cp1250", "cp1252", "cp437", "cp850", "mac-roman"))
        raise ValueError(f"{name!r} is not an encoding. {known or 'Write one as utf-8, utf-16, latin-1 or cp1252.'}")
    return name.lower()


def _quoted_texts(values: object) -> object:
    """Raise ValueError for values that YAML does not keep as text: NULL, NO, 1.50."""
    listed = [values] if isinstance(values, str) else values
    if not isinstance(listed, list) or not all(isinstance(value, str) for value in listed):
        raise ValueError("write a list of texts, each in quotes, as ['NULL', '-999']")
    return listed


class SeedFileShape(Shape):
    """The format of a CSV file."""

    delimiter: (
        Annotated[str, BeforeValidator(lambda value: "\t" if value == r"\t" else value), AfterValidator(_one_character)]
        | None
    ) = None
    """The character between fields. [default: `,`, or a tab in `.tsv`]"""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """The encoding of the file: any encoding of Python."""
    quote: Annotated[str, AfterValidator(_one_character)] | None = '"'
    """The character around quoted fields; `none` if no field has quotes around it."""
    null_values: Annotated[list[str], BeforeValidator(_quoted_texts), TEXTS] = []
    """Texts that are NULL besides the empty one; write each in quotes."""
    header: bool | list[str] = True
    """`false`: the first line is a row, and the columns are `column_1`, `column_2` and so on. A list of names: the
    same, with these names.
    """

    @field_validator("quote", mode="before")
    @classmethod
    def _no_quotes(cls, value: object) -> object:
        return None if value in ("none", "", False) else value

    @field_validator("header", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        if isinstance(value, bool):
            return value
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise ValueError("write true, false, or a list of names, in quotes where YAML needs them")
        names = [name.strip() for name in value]
        if not names or not all(names):
            raise ValueError("name each column")
        if len({name.lower() for name in names}) < len(names):
            raise ValueError("two columns have one name")
        return names

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> SeedFileShape:
        if self.quote is not None and self.quote == self.delimiter:
            raise ValueError("delimiter and quote are the same character")
        return self

    def value(self) -> CsvFormat:
        names = tuple(self.header) if isinstance(self.header, list) else self.header
        return CsvFormat(self.delimiter, self.encoding, self.quote, tuple(self.null_values), names)


class SeedsShape(Shape):
    version: int | None = None
    """Read without effect."""
    targets: dict[str, SeedTargetShape] = {}
    """The tables of seeds, by seed id (`raw/users`) or name of the file."""
    files: dict[str, SeedFileShape] = {}
    """The formats of CSV files, by seed id or name of the file."""
    columns: dict[str, dict[str, str | SeedColumnShape]] = {}
    """The types of columns, by table or seed id: a type, or a mapping."""
    dtypes: dict[str, dict[str, Annotated[str, BeforeValidator(_our_word)]]] = {}
    """Types of columns in the words of pandas, by table or seed id. `columns` wins; a table without `columns` is an
    error.
    """

    def types_of(self, names: Sequence[str], engine: str) -> dict[str, str]:
        """Return the types of a table's columns; `columns` wins over `dtypes`."""
        columns = next((self.columns[name] for name in names if self.columns.get(name)), {})
        dtypes = next((self.dtypes[name] for name in names if self.dtypes.get(name)), {})
        said = {name: kind if isinstance(kind, str) else kind.type_on(engine) for name, kind in columns.items()}
        return {**dtypes, **said}
