"""Values as JSON that DuckDB casts to a type: it wants every field of a struct to be there."""

from __future__ import annotations

from typing import Any

import duckdb

from fft_core.names.numbers import WrittenNumber, json_text


def text(value: object, spelled: str) -> str:
    """Spell a value as JSON for a cast to a type. Fields of a struct that it leaves out are NULL.

    >>> text([{"a": 1}], "struct(a integer, b varchar)[]")
    '[{"a": 1, "b": null}]'
    """
    try:
        kind = duckdb.sqltype(spelled)
    except duckdb.Error:  # a type of the user's own: the cast says what is wrong
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
        case WrittenNumber(), "decimal":  # else it reads a double
            return value.text
    return value


def _struct(value: dict[str, object], fields: dict[str, Any]) -> dict[str, object]:
    """Name fields as the type does, in any case; what it does not know stays, and is an error of the cast."""
    known = {name.lower(): name for name in fields}
    named = {known.get(key.lower(), key): item for key, item in value.items()}
    missing: dict[str, object] = {name: None for name in fields if name not in named}
    return {name: _complete(item, fields[name]) if name in fields else item for name, item in (named | missing).items()}
