"""Relations by the requests tables.get and tables.list.

They are free, and a query of INFORMATION_SCHEMA is billed 10 MB at least.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from google.api_core.exceptions import NotFound
from google.cloud.bigquery import SchemaField, Table

from fft_core.engines.bigquery.connecting import Connection
from fft_core.engines.bigquery.types import column_of
from fft_core.engines.protocol import RelationKind, TableInfo, Want
from fft_core.engines.stamp import columns_digest, stamp_in
from fft_core.names import Relation

_KINDS: Mapping[str, RelationKind] = {"VIEW": "view", "MATERIALIZED_VIEW": "materialized_view"}  # others are tables
_FEW = 4  # of more, the dataset is asked first which of them are there
_AT_ONCE = 8  # requests; the service takes 100 a second


def inspect(connection: Connection, relations: Sequence[Relation], want: Want) -> Mapping[Relation, TableInfo]:
    """Describe relations, see `Session.inspect`."""
    return {relation: _info(table, want) for relation, table in tables(connection, relations).items()}


def tables(connection: Connection, relations: Iterable[Relation]) -> Mapping[Relation, Table]:
    """Return the description of each of these relations that exists. Raises errors of the client."""
    asked = list(dict.fromkeys(relations))
    if len(asked) > _FEW:
        asked = _listed(connection, asked)
    if len(asked) <= 1:
        found = [_table(connection, relation) for relation in asked]
    else:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda relation: _table(connection, relation), asked))
    return {relation: table for relation, table in zip(asked, found, strict=True) if table is not None}


def change_marks(connection: Connection, relations: Sequence[Relation]) -> Mapping[Relation, str]:
    """Return a text for each of these that is an ordinary table; the text changes when its rows change.

    A table with a streaming buffer has none: the time of its last change says nothing of the rows in it.
    """
    return {
        relation: f"{table.created}:{table.modified}:{table.num_rows}:{table.num_bytes}"
        for relation, table in tables(connection, relations).items()
        if table.table_type == "TABLE" and table.streaming_buffer is None and table.modified is not None
    }


def signature(fields: Iterable[SchemaField]) -> str:
    """Return a digest of the names and types of columns."""
    return columns_digest((column.name, column.type) for column in map(column_of, fields))


def names_in(connection: Connection, relation: Relation) -> Sequence[str]:
    """Return the names of all that lies in the dataset of a relation; none if the dataset is missing."""
    try:
        listed = connection.client.list_tables(_path(relation.named("")), retry=connection.retry)
        return [item.table_id for item in listed]
    except NotFound:
        return ()


def _listed(connection: Connection, relations: Sequence[Relation]) -> list[Relation]:
    datasets = dict.fromkeys(relation.named("") for relation in relations)
    found = {dataset.named(name) for dataset in datasets for name in names_in(connection, dataset)}
    return [relation for relation in relations if relation in found]


def _table(connection: Connection, relation: Relation) -> Table | None:
    try:
        return connection.client.get_table(_path(relation), retry=connection.retry)
    except NotFound:
        return None


def _path(relation: Relation) -> str:
    return ".".join(part for part in (relation.catalog, relation.schema, relation.name) if part)


def _info(table: Table, want: Want) -> TableInfo:
    comment, fields = table.description or "", table.schema
    stamp = stamp_in(comment, signature(fields)) if want & (Want.STAMP | Want.ROWS) else None
    kind = _KINDS.get(table.table_type, "table")
    is_counted = Want.ROWS in want and stamp is not None and kind != "view" and table.streaming_buffer is None
    return TableInfo(
        kind,
        stamp,
        rows=table.num_rows if is_counted else None,
        columns=tuple(map(column_of, fields)) if Want.COLUMNS in want else (),
        comment=comment if Want.COMMENTS in want else "",
        column_comments={field.name: field.description for field in fields if field.description}
        if Want.COMMENTS in want
        else {},
    )
