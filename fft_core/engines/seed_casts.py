"""Casts of columns that have a type already: what would not be the same afterwards is named."""

from __future__ import annotations

from collections.abc import Mapping

from fft_core.engines.parquet_file import rounded
from fft_core.engines.protocol import Session

_TEXTS = ("VARCHAR", "text")  # of them the texts were looked at


def cast_columns(engine: Session, query: str, types: Mapping[str, str]) -> str:
    """Cast some columns of a query to other types.

    Raises:
        SeedError: a value would be rounded or cut.
    """
    columns = {column.name: column.type for column in engine.columns(query)}
    for name, kind in types.items():
        if columns[name] in _TEXTS:
            continue
        column = engine.spelling.quoted(name)
        back = f"cast(cast({column} as {kind}) as {columns[name]})"
        is_other = engine.spelling.differs(back, column)
        wrong = engine.fetch(f"select {column} from ({query}) as _ff_file where {is_other} limit 1")
        if wrong:
            raise rounded(name, wrong[0][0], kind)
    cast = [_cast(engine.spelling.quoted(name), types.get(name)) for name in columns]
    return f"select {', '.join(cast)} from ({query}) as _ff_file"


def _cast(column: str, kind: str | None) -> str:
    return f"cast({column} as {kind}) as {column}" if kind else column
