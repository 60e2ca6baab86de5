"""Relations in DuckDB's catalog. Names are compared without regard to case, as in DuckDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.protocol import ColumnType, RelationKind, Row, TableInfo, Want
from fft_core.engines.stamp import columns_digest, stamp_in
from fft_core.names import Relation

Fetch: TypeAlias = Callable[[str], list[Row]]
_Place: TypeAlias = tuple[str, ...]
_Column: TypeAlias = tuple[ColumnType, str | None]  # with its comment

_FEW = 10
# Functions have their schema, because a user's macro with the same name would be called instead.
_NAMES = "system.main.lower(database_name), system.main.lower(schema_name), system.main.lower({}_name)"


def inspect(fetch: Fetch, relations: Sequence[Relation], want: Want) -> Mapping[Relation, TableInfo]:
    """Describe relations, see `Session.inspect`: with two queries for any number of them, and others to count rows."""
    wanted = {_place(relation): relation for relation in relations}
    found: dict[Relation, TableInfo] = {}
    columns = _columns(fetch, wanted) if wanted and want else {}
    for place, kind, comment in _described(fetch, wanted, want) if wanted else ():
        there = columns.get(place, ())
        digest = columns_digest((column.name, column.type) for column, _ in there) if kind == "table" else None
        found[wanted[place]] = TableInfo(
            kind,
            stamp_in(comment, digest) if want & (Want.STAMP | Want.ROWS) else None,
            columns=tuple(column for column, _ in there) if Want.COLUMNS in want else (),
            comment=comment or "" if Want.COMMENTS in want else "",
            column_comments={c.name: said for c, said in there if said} if Want.COMMENTS in want else {},
        )
    counted = [relation for relation, info in found.items() if info.kind == "table" and info.stamp]
    counts = _row_counts(fetch, counted) if Want.ROWS in want else {}
    return {relation: replace(info, rows=counts.get(relation)) for relation, info in found.items()}


def _described(
    fetch: Fetch, wanted: Mapping[_Place, Relation], want: Want
) -> Iterator[tuple[_Place, RelationKind, str | None]]:
    """Yield place, kind and comment of each wanted relation that exists."""
    kinds: tuple[RelationKind, ...] = ("view", "table")
    both = " union all ".join(
        f"select {_NAMES.format(kind)}, '{kind}', {'comment' if want else 'null'} "
        f"from duckdb_{kind}s() where not internal{_is_wanted(kind, wanted)}"
        for kind in kinds
    )
    for *names, kind, comment in fetch(both):
        if tuple(names) in wanted:
            yield tuple(names), "view" if kind == "view" else "table", comment


def _columns(fetch: Fetch, wanted: Mapping[_Place, Relation]) -> Mapping[_Place, Sequence[_Column]]:
    found: dict[_Place, list[_Column]] = {}
    sql = f"""
        select {_NAMES.format("table")}, list(column_name order by column_index), list(data_type order by column_index),
            list(comment order by column_index)
        from duckdb_columns() where not internal{_is_wanted("table", wanted)}
        group by all"""
    for *place, names, types, comments in fetch(sql):
        if tuple(place) in wanted:
            typed = [ColumnType(name, kind) for name, kind in zip(names, types, strict=True)]
            found[tuple(place)] = list(zip(typed, comments, strict=True))
    return found


def _is_wanted(kind: str, wanted: Mapping[_Place, Relation]) -> str:
    """Render a condition for a few relations; none for many, because listing all is faster than many comparisons."""
    if len(wanted) > _FEW:
        return ""
    places = ", ".join(f"({SPELLING.literals(place)})" for place in wanted)
    return f" and ({_NAMES.format(kind)}) in ({places})"


def _row_counts(fetch: Fetch, relations: Sequence[Relation]) -> Mapping[Relation, int]:
    """Count the rows of tables. duckdb_tables() has only an estimate, which includes deleted rows."""
    queries = [f"select {i}, count(*) from {r.sql(SPELLING)}" for i, r in enumerate(relations)]
    # one union of hundreds of queries takes three times as long to prepare as many small unions
    unions = [" union all ".join(queries[start : start + 20]) for start in range(0, len(queries), 20)]
    return {relations[i]: int(count) for union in unions for i, count in fetch(union)}


def _place(relation: Relation) -> _Place:
    return (relation.catalog or "").lower(), (relation.schema or "").lower(), relation.name.lower()
