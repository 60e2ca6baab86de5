"""Values as JSON for casts of DuckDB to a type, with all fields of structs, because DuckDB requires them."""

from __future__ import annotations

from typing import Any

import duckdb

from fft_core.names.numbers import WrittenNumber, json_text


def text(value: object, spelled: str) -> str:
    """Render a value as JSON for a cast to a type. Missing fields of a struct become NULL.

    >>> text([{"a": 1}], "struct(a integer, b varchar)[]")
    '[{"a": 1, "b": null}]'
    """
    try:
        kind = duckdb.sqltype(spelled)
    except duckdb.Error:  # a type that the user created; the cast reports errors
        return json_text(value)
    return json_text(_complete(value, kind))


def _complete(value: object, kind: Any) -> object:  # Any: a type of DuckDB's library, whose stubs lack its parts
    match value, kind.id:
        case list(), "list" | "array":
            return [_complete(item, kind.children[0][1]) for item in value]
        case dict(), "map":
            return {key: _complete(item, kind.children[1][1]) for key, item in value.items()}
        case dict(), "struct":
            return _struct(value, dict(kind.children))
        case WrittenNumber(), "decimal":  # else DuckDB would read a double
            return value.text
    return value


def _struct(value: dict[str, object], fields: dict[str, Any]) -> dict[str, object]:
    """Return a struct with fields named as in the type; names match in any case. An unknown field fails in the cast."""
    known = {name.lower(): name for name in fields}
    named = {known.get(key.lower(), key): item for key, item in value.items()}
    missing: dict[str, object] = {name: None for name in fields if name not in named}
    return {name: _complete(item, fields[name]) if name in fields else item for name, item in (named | missing).items()}
