"""The types of Spark, comparisons of its values, and their types in Arrow."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from fft_core.engines.arrow_columns import arrow_type_of
from fft_core.engines.databricks.spelling import SPELLING
from fft_core.engines.session import StandardTypes

_WORDS = {
    **dict.fromkeys(("string", "text", "varchar", "character varying"), "string"),
    **dict.fromkeys(("integer", "bigint", "int8", "long"), "bigint"),
    **dict.fromkeys(("int", "int4"), "int"),
    **dict.fromkeys(("smallint", "int2", "short"), "smallint"),
    **dict.fromkeys(("double", "float", "float8", "double precision"), "double"),
    **dict.fromkeys(("real", "float4"), "float"),
    **dict.fromkeys(("numeric", "decimal", "dec"), "decimal(38,9)"),  # exact, as in `declared_types`
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("timestamp", "datetime", "timestamp without time zone"), "timestamp_ntz"),
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), "timestamp"),
    "date": "date",
}
_JSON = (
    "map('ignoreNullFields', 'false', 'timestampFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSSXXX', "
    "'timestampNTZFormat', 'yyyy-MM-dd\\'T\\'HH:mm:ss.SSSSSS')"
)
ARROW_TYPES: Mapping[str, str] = {
    "boolean": "bool",
    "tinyint": "int8",
    "smallint": "int16",
    "int": "int32",
    "bigint": "int64",
    "float": "float",
    "double": "double",
    "string": "string",
    "date": "date32[day]",
    "timestamp_ntz": "timestamp[us]",
    "timestamp": "timestamp[us, tz=UTC]",
    "binary": "binary",
}


def as_json(value: str) -> str:
    """Render a struct as text that shows NULL, -0.0 and microseconds."""
    return f"to_json({value}, {_JSON})"


class SparkTypes(StandardTypes):
    """The types of Spark, in sessions whose time zone is UTC."""

    def __init__(self) -> None:
        super().__init__(SPELLING, _WORDS)

    def column_type(self, declared: str) -> str:
        exact = re.fullmatch(r"(?:decimal|numeric|dec)\((\d+)(?:, *(\d+))?\)", declared.strip().lower())
        return f"decimal({exact[1]},{exact[2] or 0})" if exact else super().column_type(declared)

    def usable_type(self, type: str) -> str:
        return "string" if type == "void" else type

    def json_value(self, value: object, type: str) -> str:
        spelled = SPELLING.text(json.dumps(value))
        return f"parse_json({spelled})" if type == "variant" else f"from_json({spelled}, {SPELLING.text(type)})"

    def comparable(self, value: str, kind: str) -> str:
        return as_json(f"named_struct('v', {value})") if "map<" in kind else value

    def visible(self, value: str, kind: str) -> str:
        if kind.startswith(("array<", "map<", "struct<")):
            return as_json(f"named_struct('v', {value})")
        return f"cast({value} as string)" if kind in ("double", "float") else value  # shows -0.0


def arrow_type(type: str) -> Any:  # Any: an Arrow type; None if there is none
    """Return the Arrow type in which values of a type are given to Spark, and come from it."""
    import pyarrow as pa

    number = re.fullmatch(r"decimal\((\d+),(\d+)\)", type)
    if number:
        return pa.decimal128(int(number[1]), int(number[2]))
    return arrow_type_of(ARROW_TYPES.get(type))
