"""Casts of columns that already have a type: a value that the cast would change is an error."""

from __future__ import annotations

from collections.abc import Mapping

from fft_core.engines.parquet_file import rounded
from fft_core.engines.protocol import Session


def cast_columns(engine: Session, query: str, types: Mapping[str, str]) -> str:
    """Return a query that casts some columns of another query to other types.

    Raises:
        SeedError: a value would be rounded or cut.
    """
    columns, cast = {column.name: column.type for column in engine.columns(query)}, engine.spelling.cast_to
    text = engine.types.column_type("string").lower()
    for name, kind in types.items():
        if columns[name].lower() == text:  # the texts were checked before
            continue
        column = engine.spelling.quoted(name)
        back = cast(cast(column, kind), columns[name])
        is_other = engine.spelling.differs(back, column)
        wrong = engine.fetch(f"select {column} from ({query}) as _ff_file where {is_other} limit 1")
        if wrong:
            raise rounded(name, wrong[0][0], kind)
    names = {name: engine.spelling.quoted(name) for name in columns}
    spelled = [f"{cast(n, types[name])} as {n}" if name in types else n for name, n in names.items()]
    return f"select {', '.join(spelled)} from ({query}) as _ff_file"
