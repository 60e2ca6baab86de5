"""The macros and types that users created in a DuckDB database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.protocol import Row
from fft_core.engines.spec.known import known_functions
from fft_core.errors import StatementError
from fft_core.names.functions import Definition

_MACROS = """\
select database_name, schema_name, system.main.lower(function_name), function_type, parameters, parameter_types,
    macro_definition, system.main.list_contains(current_schemas(true), schema_name)
from duckdb_functions() where not internal"""
_TYPES = """\
select database_name, schema_name, type_name, labels, system.main.list_contains(current_schemas(true), schema_name)
from duckdb_types() where not internal"""


def definitions(fetch: Callable[[str], Sequence[Row]], hidden: Sequence[str] = ()) -> tuple[Definition, ...]:
    """Read the macros and types of all databases except hidden ones. `fetch` runs a query."""
    shown = f" and database_name not in ({SPELLING.literals(hidden)})" if hidden else ""
    return (*_macros(fetch, shown), *_types(fetch, shown))


def _macros(fetch: Callable[[str], Sequence[Row]], shown: str) -> Iterator[Definition]:
    implicit = known_functions("duckdb").implicit
    for database, schema, name, kind, parameters, types, body, is_visible in fetch(_MACROS + shown):
        is_macro = kind in ("macro", "table_macro")
        defaults: str | None = ""
        if is_macro and parameters:
            place = ".".join(SPELLING.quoted(part) for part in (database, schema, name))
            defaults = _signature(fetch, f"from {place}" if kind == "table_macro" else f"select {place}")
        yield Definition(
            kind="macro" if is_macro else "function",
            name=name if is_visible else f"{schema.lower()}.{name}",
            text=json.dumps([schema, kind, parameters, types, body, defaults]),
            queries=(f"select {body}" if kind == "macro" else body,) if is_macro else (),
            doubt=("" if is_macro else "which is not written in SQL") if defaults is not None else _NO_DEFAULTS,
            is_implicit=name in implicit or not (name[0].isalpha() or name[0] == "_"),
        )


_NO_DEFAULTS = "whose parameter defaults DuckDB does not show"


def _signature(fetch: Callable[[str], Sequence[Row]], call: str) -> str | None:
    """Return the signature of a macro with its defaults, which the catalog lacks; None if DuckDB does not show it.

    DuckDB shows it as a hint in the error of a wrong call.
    """
    try:
        fetch(f"{call}(__fft_no_parameter := 0)")
    except StatementError as error:
        shown = error.problem.message.partition("Candidate macros:")[2].partition("\n\n")[0]
        return " ".join(shown.split()) or None
    return None


def _types(fetch: Callable[[str], Sequence[Row]], shown: str) -> Iterator[Definition]:
    found = list(fetch(_TYPES + shown))
    if not found:
        return
    places = [".".join(SPELLING.quoted(part) for part in row[:3]) for row in found]
    (spelled,) = fetch(f"select {', '.join(f'typeof(null::{place})' for place in places)}")
    for (_, schema, name, labels, is_visible), spelling in zip(found, spelled, strict=True):
        key = name.lower() if is_visible else f"{schema}.{name}".lower()
        yield Definition("type", key, json.dumps([schema, name, spelling, labels]))
