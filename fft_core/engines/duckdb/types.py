"""The types of DuckDB, and comparisons of its values."""

from __future__ import annotations

import re

from fft_core.engines.duckdb import values
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.session import StandardTypes

_WORDS = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "float": "DOUBLE",
    **dict.fromkeys(("numeric", "decimal", "dec"), "DECIMAL(38, 9)"),  # exact, as in `declared_types`
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "date": "DATE",
}
_UNTYPED = re.compile(r'"NULL"(?! )')  # the type of NULL; a field with that name is followed by its type


class DuckDBTypes(StandardTypes):
    """The types of DuckDB, and comparisons of their values; values of each type can be ordered."""

    def __init__(self) -> None:
        super().__init__(SPELLING, _WORDS)

    def usable_type(self, type: str) -> str:
        return _UNTYPED.sub("VARCHAR", type)

    def json_value(self, value: object, type: str) -> str:
        return f"cast(cast({SPELLING.literal(values.text(value, type))} as json) as {type})"

    def visible(self, value: str, kind: str) -> str:
        if kind in ("FLOAT", "DOUBLE"):
            return f"({value}, signbit({value}))"
        if kind == "VARCHAR":
            return f"encode({value})"  # an unknown collation may take A and a for equal
        return f"{value}::varchar" if is_nested(kind) or kind == "INTERVAL" else value

    def unequal(self, value: str, kind: str) -> str | None:
        if kind in ("FLOAT", "DOUBLE"):  # an UPDATE of -0 to 0 has no effect
            return f"case when {value} = 0 then 1 else 0 end"
        return f"{value} + interval 1 second" if kind == "INTERVAL" else None


def is_nested(kind: str) -> bool:
    """Whether values of a type contain other values."""
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION", "VARIANT", "JSON"))
