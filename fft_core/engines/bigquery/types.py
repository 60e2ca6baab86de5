"""The types of BigQuery, comparisons of its values, and their types in Arrow."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.protocol import ColumnType
from fft_core.engines.session import StandardTypes

if TYPE_CHECKING:
    from google.cloud.bigquery import SchemaField

_WORDS = {
    "string": "string",
    "text": "string",
    "varchar": "string",
    "integer": "int64",
    "double": "float64",
    "float": "float64",
    **dict.fromkeys(("numeric", "decimal", "dec"), "numeric"),  # 38 digits, 9 of them behind the point
    "boolean": "bool",
    "timestamp": "datetime",
    "timestamptz": "timestamp",
    "date": "date",
}
_LEGACY = {"integer": "int64", "float": "float64", "boolean": "bool", "record": "struct"}
_NESTED = ("array", "struct", "json", "range", "geography", "interval")
_SCALE, _WHOLE_DIGITS = 9, 29  # those of NUMERIC; BIGNUMERIC has more


def spelled_type(field: SchemaField) -> str:
    """Render the type of a column of a table or query, without lengths and precisions: a query does not keep them."""
    name = _LEGACY.get(field.field_type.lower(), field.field_type.lower())
    if name == "struct":
        name = f"struct<{', '.join(f'{SPELLING.quoted(one.name)} {spelled_type(one)}' for one in field.fields)}>"
    if name == "range" and field.range_element_type is not None:
        name = f"range<{field.range_element_type.element_type.lower()}>"
    return f"array<{name}>" if field.mode == "REPEATED" else name


def column_of(field: SchemaField) -> ColumnType:
    """Return a column with its type."""
    return ColumnType(field.name, spelled_type(field))


class BigQueryTypes(StandardTypes):
    """The types of BigQuery, and comparisons of their values. A column of nothing but NULL is one of int64."""

    def __init__(self) -> None:
        super().__init__(SPELLING, _WORDS)

    def column_type(self, declared: str) -> str:
        exact = re.fullmatch(r"(?:decimal|numeric|dec)\((\d+)(?:, *(\d+))?\)", declared.strip().lower())
        if exact is None:
            return super().column_type(declared)
        precision, scale = int(exact[1]), int(exact[2] or 0)
        fits = scale <= _SCALE and precision - scale <= _WHOLE_DIGITS
        return f"{'numeric' if fits else 'bignumeric'}({precision}, {scale})"

    def holds_times(self, type: str) -> bool:
        return type.lower() in ("date", "datetime", "timestamp")

    def json_value(self, value: object, type: str) -> str:
        if type.lower() == "json":
            return f"parse_json({SPELLING.text(json.dumps(value))})"
        return SPELLING.refuse("lists and mappings of other types than JSON")

    def comparable(self, value: str, kind: str) -> str:
        return f"to_json_string({value})" if kind.lower().startswith(_NESTED) else value

    def visible(self, value: str, kind: str) -> str:
        """Render a text of what may look different and be equal: nested values, and 0.0 and -0.0."""
        shown = kind.lower().startswith(_NESTED) or kind.lower() == "float64"
        return f"to_json_string({value})" if shown else value


ARROW_TYPES: Mapping[str, str] = {
    "bool": "bool",
    "bytes": "binary",
    "date": "date32[day]",
    "datetime": "timestamp[us]",
    "float64": "double",
    "int64": "int64",
    "string": "string",
    "time": "time64[us]",
    "timestamp": "timestamp[us, tz=UTC]",
}
