"""Relations in Snowflake's INFORMATION_SCHEMA: two queries for each database, for any number of relations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fft_core.engines.protocol import ColumnType, RelationKind, Row, TableInfo, Want
from fft_core.engines.snowflake.spelling import SPELLING, folded, shown
from fft_core.engines.snowflake.types import spelled_type
from fft_core.engines.stamp import columns_digest, stamp_in
from fft_core.names import Relation

Fetch: TypeAlias = Callable[[str], list[Row]]
Place: TypeAlias = tuple[str, str]  # a schema and a name, as Snowflake stores them
_KINDS: Mapping[str, RelationKind] = {"VIEW": "view", "MATERIALIZED VIEW": "materialized_view"}  # others are tables
_COLUMNS = (
    "table_schema, table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, "
    "comment"
)


@dataclass(frozen=True)
class _Column:
    """A column in the catalog; `made_of` is its part of the relation's signature: its name and type."""

    column: ColumnType
    made_of: str
    comment: str


def inspect(fetch: Fetch, relations: Sequence[Relation], want: Want) -> Mapping[Relation, TableInfo]:
    """Describe relations, see `Session.inspect`."""
    found: dict[Relation, TableInfo] = {}
    for catalog in dict.fromkeys(relation.catalog for relation in relations):
        wanted = {_place(relation): relation for relation in relations if relation.catalog == catalog}
        tables = fetch(
            "select table_schema, table_name, table_type, row_count, comment "
            f"from {_schema_of(catalog)}.tables where {_is_one(wanted)}"
        )
        columns = (
            _columns(fetch, catalog, wanted) if tables and want & (Want.COLUMNS | Want.COMMENTS | Want.STAMP) else {}
        )
        for schema, name, kind, rows, comment in tables:
            if (schema, name) in wanted:
                place = (schema, name)
                found[wanted[place]] = _info(kind, rows, comment or "", columns.get(place, []), want)
    return found


def signature_of(fetch: Fetch, relation: Relation) -> str:
    """Return the signature of a relation: a digest of the names and types of its columns."""
    place = _place(relation)
    return _signature(_columns(fetch, relation.catalog, [place]).get(place, []))


def change_tokens(fetch: Fetch, relations: Sequence[Relation]) -> Mapping[Relation, str]:
    """Return a text for each of these relations that is an ordinary table; the text changes when its rows change.

    It contains the creation time of the table, because another table may have got the same name.
    """
    found: dict[Relation, str] = {}
    for catalog in dict.fromkeys(relation.catalog for relation in relations):
        wanted = {_place(relation): relation for relation in relations if relation.catalog == catalog}
        created = {
            (schema, name): f"{created}"
            for schema, name, created in fetch(
                f"select table_schema, table_name, created from {_schema_of(catalog)}.tables "
                f"where table_type = 'BASE TABLE' and {_is_one(wanted)}"
            )
        }
        tables = [wanted[place] for place in created if place in wanted]
        calls = [f"system$last_change_commit_time({SPELLING.text(SPELLING.relation(one))})" for one in tables]
        (tokens,) = fetch(f"select {', '.join(calls)}") if calls else [()]
        for relation, token in zip(tables, tokens, strict=True):
            if token is not None:
                found[relation] = f"{created[_place(relation)]}:{token}"
    return found


def _info(kind: str, rows: int | None, comment: str, columns: Sequence[_Column], want: Want) -> TableInfo:
    stamp = stamp_in(comment, _signature(columns)) if want & (Want.STAMP | Want.ROWS) else None
    of_kind = _KINDS.get(kind, "table")
    is_counted = Want.ROWS in want and stamp is not None and of_kind != "view"
    return TableInfo(
        of_kind,
        stamp,
        rows=int(rows) if is_counted and rows is not None else None,
        columns=tuple(one.column for one in columns) if Want.COLUMNS in want else (),
        comment=comment if Want.COMMENTS in want else "",
        column_comments={one.column.name: one.comment for one in columns if one.comment}
        if Want.COMMENTS in want
        else {},
    )


def _columns(fetch: Fetch, catalog: str | None, places: Iterable[Place]) -> Mapping[Place, list[_Column]]:
    rows = fetch(
        f"select {_COLUMNS} from {_schema_of(catalog)}.columns where {_is_one(places)} "
        "order by table_schema, table_name, ordinal_position"
    )
    found: dict[Place, list[_Column]] = {}
    for schema, name, column, kind, length, precision, scale, comment in rows:
        spelled = spelled_type(kind, length, precision, scale)
        made_of = f"{column} {kind} {precision} {scale}"  # without the length of texts, which may grow
        found.setdefault((schema, name), []).append(_Column(ColumnType(shown(column), spelled), made_of, comment or ""))
    return found


def _signature(columns: Sequence[_Column]) -> str:
    return columns_digest((one.column.name, one.made_of) for one in columns)


def _place(relation: Relation) -> Place:
    return folded(relation.schema or ""), folded(relation.name)


def _schema_of(catalog: str | None) -> str:
    return f"{SPELLING.quoted(catalog)}.information_schema" if catalog else "information_schema"


def _is_one(places: Iterable[Place]) -> str:
    known = list(places)
    schemas, names = dict.fromkeys(schema for schema, _ in known), dict.fromkeys(name for _, name in known)
    return f"table_schema in ({SPELLING.literals(schemas)}) and table_name in ({SPELLING.literals(names)})"
