"""Descriptions of relations from Postgres' catalog, and the signatures of relations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from fft_core.engines.postgres.spelling import SPELLING
from fft_core.engines.protocol import ColumnType, RelationKind, Row, TableInfo, Want
from fft_core.engines.stamp import stamp_in
from fft_core.names import Relation

Fetch: TypeAlias = Callable[[str], list[Row]]
_KINDS: Mapping[str, RelationKind] = {"v": "view", "m": "materialized_view"}  # by pg_class.relkind; others are tables
_COMMENT = "obj_description(c.oid, 'pg_class')"
_COLUMNS = """(
        select json_agg(json_build_array(
            attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum)) order by attnum)
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
    )"""
# The columns of a table, or the query of a view. They change if a relation is altered or replaced by hand, although
# its comment with the stamp may stay.
_SIGNATURE = """
    case when c.relkind in ('v', 'm') then substr(md5(pg_get_viewdef(c.oid)), 1, 16) else (
        select substr(md5(string_agg(
            attname || ' ' || format_type(atttypid, atttypmod), e'\\n' order by attnum)), 1, 16)
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
    ) end"""


def inspect(fetch: Fetch, relations: Sequence[Relation], want: Want) -> Mapping[Relation, TableInfo]:
    """Describe relations, see `Session.inspect`: by one query for all of them, and one for rows."""
    if not relations:
        return {}
    found = dict(_described(fetch, relations, want))
    counted = [r for r, info in found.items() if info.kind != "view" and info.stamp] if Want.ROWS in want else []
    counts = _row_counts(fetch, counted)
    return {relation: replace(info, rows=counts.get(relation)) for relation, info in found.items()}


def signature_of(fetch: Fetch, relation: Relation) -> tuple[str, str]:
    """Return the comment of a relation that exists, and its signature."""
    table = SPELLING.literal(relation.sql(SPELLING))
    ((comment, signature),) = fetch(
        f"select {_COMMENT}, {_SIGNATURE} from pg_class as c where c.oid = {table}::regclass"
    )
    return comment or "", str(signature)


def _described(fetch: Fetch, relations: Sequence[Relation], want: Want) -> list[tuple[Relation, TableInfo]]:
    wanted = {(r.catalog, r.schema, r.name): r for r in relations}
    places = ", ".join(f"({SPELLING.literals(place)})" for place in wanted)
    comment = _COMMENT if want else "null"
    signature = _SIGNATURE if want & (Want.STAMP | Want.ROWS) else "null"
    columns = _COLUMNS if want & (Want.COLUMNS | Want.COMMENTS) else "null"
    rows = fetch(f"""
        select wanted.*, c.relkind::text, {comment}, {signature}, {columns}
        from (values {places}) as wanted(catalog_name, schema_name, relation_name)
        join pg_namespace as n on n.nspname = wanted.schema_name
        join pg_class as c on c.relnamespace = n.oid and c.relname = wanted.relation_name
        where c.relkind in ('r', 'p', 'f', 'v', 'm')
            and coalesce(wanted.catalog_name, current_database()) = current_database()
        """)
    return [(wanted[(row[0], row[1], row[2])], _info(want, *row[3:])) for row in rows]


def _info(
    want: Want,
    kind: str,
    comment: str | None,
    signature: str | None,
    columns: Sequence[tuple[str, str, str | None]] | None,
) -> TableInfo:
    return TableInfo(
        _KINDS.get(kind, "table"),
        stamp_in(comment, signature) if signature else None,
        columns=tuple(ColumnType(name, type) for name, type, _ in columns or ()) if Want.COLUMNS in want else (),
        comment=comment or "" if Want.COMMENTS in want else "",
        column_comments={n: said for n, _, said in columns or () if said} if Want.COMMENTS in want else {},
    )


def _row_counts(fetch: Fetch, relations: Sequence[Relation]) -> Mapping[Relation, int]:
    """Count rows, in one query: the statistics are outdated, and lost in a crash."""
    queries = [f"select {i}, count(*) from {r.sql(SPELLING)}" for i, r in enumerate(relations)]
    rows = fetch(" union all ".join(queries)) if queries else []
    return {relations[i]: int(number) for i, number in rows}
