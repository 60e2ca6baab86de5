"""Runs fakesnow 0.12.1 with the gaps filled that our statements meet: python fakesnow_launcher.py PORT.

It runs with the Python of its own environment, see `fakesnow_server.py`. What is mended here proves nothing about
Snowflake; docs/reference/snowflake.md says what is proven where. It reaches into private functions, so the version is
pinned.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from contextlib import nullcontext
from typing import Any

import duckdb
import fakesnow
import pyarrow as pa
import pyarrow.compute as pc
import snowflake.connector.errors as errors
from sqlglot import exp

_serve = fakesnow.server  # before the submodule of the same name hides it

import fakesnow.arrow as fakesnow_arrow  # noqa: E402
import fakesnow.copy_into  # noqa: E402
import fakesnow.cursor as fakesnow_cursor  # noqa: E402
import fakesnow.info_schema as info_schema  # noqa: E402
import fakesnow.rowtype as rowtype  # noqa: E402
import fakesnow.server as fakesnow_server  # noqa: E402

copying: Any = sys.modules["fakesnow.copy_into"]  # a function has its name in the package
Cursor: Any = fakesnow_cursor.FakeSnowflakeCursor
_COMMENTS = "_fs_global._fs_information_schema._fs_tables_ext"
_definitions = threading.Lock()  # of relations: what is kept of them is written by one at a time
_execute, _execute_transformed = Cursor.execute, Cursor._execute


def error_of(error: duckdb.Error) -> errors.ProgrammingError:
    """What would be an HTTP 500, as an error of the service; its numbers are Snowflake's where one is known."""
    if isinstance(error, duckdb.InterruptException):
        return errors.ProgrammingError(msg="SQL execution canceled", errno=604, sqlstate="57014")
    if isinstance(error, duckdb.TransactionException):
        return errors.ProgrammingError(msg=f"Statement was aborted: {error}", errno=625, sqlstate="57014")
    return errors.ProgrammingError(msg=str(error), errno=100038, sqlstate="22018")


def execute(self: Any, command: str, params: Any = None, *args: Any, **kwargs: Any) -> Any:
    if re.search(r"system\$cancel_all_queries", command, re.IGNORECASE):
        self._conn._duck_conn.interrupt()
        command = "select 'cancelled' as status"
    end = time.monotonic() + 30
    while True:
        try:
            return _execute(self, command, params, *args, **kwargs)
        except duckdb.Error as error:
            raise error_of(error) from error
        except errors.ProgrammingError as error:
            if "connection is busy" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)  # two statements of one session at once: the service does not mind
        except errors.Error:
            raise
        except Exception as error:  # an HTTP 500 would be tried again and again
            raise errors.ProgrammingError(msg=f"fakesnow: {error!r}", errno=9999, sqlstate="99999") from error


def execute_transformed(self: Any, transformed: Any, params: Any = None) -> Any:
    is_definition = isinstance(transformed, exp.Create | exp.Drop | exp.Comment | exp.Alter)
    is_its_own = is_definition and "merge_candidates" in transformed.sql().lower()  # how it runs MERGE
    if is_its_own:
        is_definition = False
        for kept in ("text_lengths", "table_comment"):  # in another database, and a transaction writes to one
            transformed.args.pop(kept, None)
    if is_definition and getattr(self._conn, "_ff_began", False):
        # Snowflake would commit what was changed so far: we never do that
        raise errors.ProgrammingError(msg="a definition inside of a transaction", errno=90232, sqlstate="25001")
    if isinstance(transformed, exp.Create):
        refuse_repeated(self, transformed)
    transformed = with_hash_agg(transformed)
    with _definitions if is_definition else nullcontext():
        found = _execute_transformed(self, transformed, params)
        if is_definition:
            keep_comment(self, transformed)
    if isinstance(transformed, exp.Transaction):
        self._conn._ff_began = True
    elif isinstance(transformed, exp.Commit | exp.Rollback):
        self._conn._ff_began = False
    if isinstance(transformed, exp.Comment):  # that of a column is applied, but its reply cannot be described
        self._duck_conn.execute(fakesnow_cursor.SQL_SUCCESS)
        self._arrow_table = self._duck_conn.to_arrow_table()
        self._last_sql, self._last_params = fakesnow_cursor.SQL_SUCCESS, None
    return found


def refuse_repeated(self: Any, created: Any) -> None:
    """Two columns of one name are an error."""
    query = created.args.get("expression")
    if str(created.args.get("kind")).upper() in ("TABLE", "VIEW") and isinstance(query, exp.Query):
        try:
            described = self._duck_conn.execute(f"describe {query.sql(dialect='duckdb')}").fetchall()
        except duckdb.Error:  # the statement itself says it
            return
        names = [row[0] for row in described]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated:
            raise errors.ProgrammingError(msg=f"duplicate column name '{repeated}'", errno=2025, sqlstate="42S21")


def with_hash_agg(transformed: Any) -> Any:
    """HASH_AGG: its use is tried, and not what it tells apart on the service."""

    def spelled(node: Any) -> Any:
        if isinstance(node, exp.HashAgg):
            hashed = exp.Anonymous(this="hash", expressions=[node.this, *node.expressions])
            return exp.Sum(this=exp.cast(hashed, "decimal(38, 0)"))
        return node

    return transformed.transform(spelled) if transformed.find(exp.HashAgg) else transformed


def keep_comment(self: Any, transformed: Any) -> None:
    """A comment goes with what it was made for: whatever is created or dropped has none but its own."""
    is_new = isinstance(transformed, exp.Create | exp.Drop)
    kind, said = str(transformed.args.get("kind")).upper(), transformed.args.get("table_comment")
    table = transformed.find(exp.Table)
    if not is_new or kind not in ("TABLE", "VIEW") or table is None or (said and said[1] is not None):
        return
    place = (table.catalog or self._conn.database, table.db or self._conn.schema, table.name)
    self._duck_conn.cursor().execute(
        f"delete from {_COMMENTS} where ext_table_catalog = ? and ext_table_schema = ? and ext_table_name = ?", place
    )


def describe_table(table: Any, connection: Any, catalog: str | None, schema: str | None) -> list[Any]:
    """Columns of a temporary table, too, in their own case."""
    name = table.sql(dialect="duckdb")
    found: list[Any] = connection.execute(f"describe {name}").fetchall()
    return found


_described = rowtype.describe_as_rowtype


def described(results: Any) -> Any:
    try:
        return _described(results)
    except NotImplementedError as error:
        raise errors.ProgrammingError(msg=f"fakesnow: {error}", errno=9999, sqlstate="99999") from error


def insert_comment(catalog: str, schema: str, table: str, comment: str | None) -> str:
    values = ", ".join("'" + (part or "").replace("'", "''") + "'" for part in (catalog, schema, table, comment))
    return f"insert into {_COMMENTS} values ({values}) on conflict do update set comment = excluded.comment"


_timestamps = fakesnow_arrow.timestamp_to_sf_struct


def timestamps(values: Any) -> Any:
    """NULL is NULL, and not 1970."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    found = _timestamps(values)
    if not values.null_count:
        return found
    fields = [found.field(place) for place in range(found.type.num_fields)]
    return pa.StructArray.from_arrays(fields, fields=list(found.type), mask=pc.is_null(values))


# Views are among TABLES, with their comments; the number of rows is exact.
_TABLES = info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW.template
_VIEWS = (
    _TABLES[_TABLES.index("select") :]
    .replace("'BASE TABLE'", "'VIEW'")
    .replace("tables.estimated_size", "null::bigint")
    .replace("from duckdb_tables tables", "from duckdb_views tables")
    .replace("tables.table_name", "tables.view_name")
)
_COUNTED = "_ff_row_count(tables.database_name, tables.schema_name, tables.table_name)"
_WHOLE = f"{_TABLES.replace('tables.estimated_size', _COUNTED)} union all {_VIEWS} and not internal"
_WHOLE_NUMBERS = "columns.data_type in ('BIGINT', 'INTEGER', 'HUGEINT', 'SMALLINT')"
_COLUMNS = info_schema.SQL_CREATE_GLOBAL_INFORMATION_SCHEMA_COLUMNS_VIEW.replace(
    "columns.data_type='BIGINT' then", f"{_WHOLE_NUMBERS} then"
)


def add_functions(connection: Any) -> None:
    """What the service knows of tables without reading them; here they are read."""

    def asked(query: str) -> Any:
        with connection.cursor() as cursor:
            return cursor.execute(query).fetchone()[0]

    def row_count(catalog: str, schema: str, name: str) -> int:
        return int(asked(f'select count(*) from "{catalog}"."{schema}"."{name}"'))

    def last_change(name: str) -> int:
        return int(asked(f"select coalesce(sum(hash(t)), 0) % 1000000007 from {name} as t"))

    text = "VARCHAR"
    options: Any = {"side_effects": True}
    connection.create_function("_ff_row_count", row_count, [text, text, text], "BIGINT", **options)
    connection.create_function("system$last_change_commit_time", last_change, [text], "BIGINT", **options)


def mend() -> None:
    Cursor.execute, Cursor._execute = execute, execute_transformed
    info_schema.insert_table_comment_sql = insert_comment
    fakesnow_arrow.timestamp_to_sf_struct = timestamps
    fakesnow_server.describe_as_rowtype = described
    copying._describe_table = describe_table
    copying._get_table_columns = lambda *args: [column[0] for column in describe_table(*args)]
    rowtype.duckdb_to_sf_type.update({"SMALLINT": "fixed", "TINYINT": "fixed", "UINTEGER": "fixed", "FLOAT": "real"})
    info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW.template = _WHOLE
    instance = fakesnow_server.shared_fs
    instance.create_schema_on_connect = False  # the service does not
    instance.duck_conn.execute(_COLUMNS.replace("create view if not exists", "create or replace view"))
    add_functions(instance.duck_conn)


if __name__ == "__main__":
    mend()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with _serve(port=int(sys.argv[1]), host="127.0.0.1"):
        stop.wait()
