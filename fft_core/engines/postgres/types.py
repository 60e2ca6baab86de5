"""The types of Postgres, and how its values are compared."""

from __future__ import annotations

from collections.abc import Callable

from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.postgres.values import equality_query, has_equality, visible
from fft_core.engines.protocol import Row
from fft_core.engines.session import StandardTypes
from fft_core.names.numbers import json_text

_WORDS = {
    "string": "text",
    "integer": "bigint",
    "double": "double precision",
    "float": "double precision",
    **dict.fromkeys(("numeric", "decimal", "dec"), "numeric(38, 9)"),  # exact, as in `declared_types`
    "boolean": "boolean",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "date": "date",
}


class PostgresTypes(StandardTypes):
    """Types and comparisons of Postgres; values without a type are text.

    Args:
        fetch: Asks the server, once for each type, whether its values have an equality.
    """

    def __init__(self, fetch: Callable[[str], list[Row]]) -> None:
        super().__init__(SPELLING, _WORDS)
        self._fetch = fetch
        self._has_equality = dict[str, bool]()

    def column_type(self, declared: str) -> str:
        word, brackets, _ = declared.strip().lower().partition("[]")
        if brackets and word in ("string", "double"):  # Postgres has no such types
            return declared.strip().lower().replace(word, _WORDS[word])
        return super().column_type(declared)

    def json_value(self, value: object, type: str) -> str:
        row = json_text({"v": value})
        return f"(select v from json_to_record({SPELLING.literal(row)}) as r(v {type}))"

    def comparable(self, value: str, kind: str) -> str:
        if kind not in self._has_equality:
            self._has_equality[kind] = has_equality(kind) or self._fetch(equality_query(kind)) == [(True,)]
        return value if self._has_equality[kind] else f'{value}::text collate "C"'

    def visible(self, value: str, kind: str) -> str:
        return visible(value, kind)
