"""The types of Snowflake, comparisons of its values, and their types in Arrow."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from fft_core.engines.session import StandardTypes
from fft_core.engines.snowflake.spelling import SPELLING

_WORDS = {
    "string": "varchar",
    "text": "varchar",
    "integer": "number(38,0)",
    "double": "float",
    "float": "float",
    **dict.fromkeys(("numeric", "decimal", "dec"), "number(38,9)"),  # exact, as in `declared_types`
    "boolean": "boolean",
    "timestamp": "timestamp_ntz",
    "timestamptz": "timestamp_tz",
    "date": "date",
}
_LONGEST_TEXT = 16 * 1024 * 1024  # characters; a column with at least this length is one without a length
_SEMI_STRUCTURED = ("variant", "object", "array", "geography", "geometry", "vector", "map")
_NAMES = {"fixed": "number", "real": "float", "text": "varchar"}


def spelled_type(kind: str, length: int | None = None, precision: int | None = None, scale: int | None = None) -> str:
    """Render a type from the facts in the catalog or in the description of a query.

    >>> spelled_type("FIXED", precision=10, scale=2), spelled_type("TEXT", 3), spelled_type("TIMESTAMP_NTZ")
    ('number(10,2)', 'varchar(3)', 'timestamp_ntz')
    """
    name = _NAMES.get(kind.lower(), kind.lower())
    if name == "number":
        return f"number({38 if precision is None else precision},{scale or 0})"
    if name == "varchar" and length is not None and length < _LONGEST_TEXT:
        return f"varchar({length})"
    return name


class SnowflakeTypes(StandardTypes):
    """The types of Snowflake, and comparisons of their values. A column without a type is text."""

    def __init__(self) -> None:
        super().__init__(SPELLING, _WORDS)

    def column_type(self, declared: str) -> str:
        exact = re.fullmatch(r"(?:decimal|numeric|dec|number)\((\d+)(?:, *(\d+))?\)", declared.strip().lower())
        return f"number({exact[1]},{exact[2] or 0})" if exact else super().column_type(declared)

    def usable_type(self, type: str) -> str:
        """Return the widest type of a kind: a column of literals is as wide as they are, and later rows may not fit."""
        if re.fullmatch(r"varchar\(\d+\)", type):
            return "varchar"
        return "number(38,0)" if re.fullmatch(r"number\(\d+,0\)", type) else type

    def json_value(self, value: object, type: str) -> str:
        parsed = f"parse_json({SPELLING.text(json.dumps(value))})"
        return parsed if type == "variant" else f"{parsed}::{type}"

    def comparable(self, value: str, kind: str) -> str:
        return f"to_json(to_variant({value}))" if kind.startswith(_SEMI_STRUCTURED) else value

    def visible(self, value: str, kind: str) -> str:
        if kind.startswith(_SEMI_STRUCTURED):
            return f"to_json(to_variant({value}))"
        if kind == "float" or kind.startswith(("timestamp_tz", "timestamp_ltz")):  # shows -0, and the offset of a time
            return f"to_varchar({value})"
        return value


ARROW_TYPES: Mapping[str, str] = {
    "boolean": "bool",
    "date": "date32[day]",
    "float": "double",
    "timestamp_ntz": "timestamp[us]",
    "timestamp_tz": "timestamp[us, tz=UTC]",
    "timestamp_ltz": "timestamp[us, tz=UTC]",
    "varchar": "string",
}
