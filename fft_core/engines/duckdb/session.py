"""DuckDB: a file or memory, opened once for the process, a cursor for each session."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import duckdb

from fft_core.engines.duckdb import MEMORY, SPEC, arrow, namespace, own_catalog, values
from fft_core.engines.duckdb.definitions import definitions
from fft_core.engines.duckdb.file import Connection, DuckDBFile, is_open_otherwise, shared_file
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.protocol import (
    ColumnType,
    Details,
    PublishMode,
    RelationKind,
    Row,
    TableInfo,
    details_of,
)
from fft_core.engines.spec import Namespace
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.stamp import marked, stamp_in
from fft_core.engines.trace import Trace
from fft_core.errors import ConnectError, EngineError, StatementError
from fft_core.names import Relation
from fft_core.names.functions import Definition

if TYPE_CHECKING:
    import pyarrow as pa

_Config: TypeAlias = dict[str, str | bool | int | float | list[str]]
_SEED_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "double": "DOUBLE",
    "float": "DOUBLE",
    **dict.fromkeys(("numeric", "decimal", "dec"), "DECIMAL(38, 9)"),  # exact, as in `declared_types`
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "date": "DATE",
}


def connect(
    *,
    path: str = MEMORY,
    schema: str | None = None,
    catalog: str | None = None,
    threads: int | None = None,
    memory_limit: str | None = None,
    lock_timeout_seconds: float = 600,
    read_only: bool = False,
    scratch: bool = False,
) -> DuckDBEngine:
    """Open a DuckDB file, creating it and its folder where they are missing, or a database in memory.

    Args:
        path: The file, or ":memory:".
        schema: Where unqualified relations lie; "main" where None. It is created when something is built.
        catalog: The name of the attached database; DuckDB's own choice (the file's stem) where None.
        threads: DuckDB's threads for one statement; all cores where None.
        memory_limit: As DuckDB spells it, "4GB".
        lock_timeout_seconds: How long to wait while another process has the file open.
        read_only: Change nothing; a file that does not exist is not created, and reads as an empty database.
        scratch: Open a database in memory, under the name that the file's has: what is at `path` is not touched.

    Raises:
        BusyError: another process still has the file open after that time.
        ConnectError: the file is not a DuckDB database, or cannot be created.
    """
    place = namespace({"path": path, "schema": schema, "catalog": catalog})
    path = MEMORY if scratch else path
    config: _Config = {}
    if read_only and not Path(path).exists():
        path = MEMORY
    elif read_only:
        config["access_mode"] = "read_only"
    elif path != MEMORY:
        _make_folder(Path(path))
    file = shared_file(
        None if path == MEMORY else Path(path),
        partial(_opened, path, place.catalog or "", config),
        read_only=read_only,
        catalog=place.catalog or "",
        lends=_others_are_here,
    )
    engine = DuckDBEngine(file, place, lock_timeout_seconds, _settings(threads, memory_limit))
    try:
        with engine.turn():  # now, not at the first statement, it is told what is wrong with it
            return engine
    except BaseException:
        engine.close()
        raise


@contextmanager
def duckdb_connection(
    path: str, *, catalog: str | None = None, lock_timeout_seconds: float = 600
) -> Iterator[Connection]:
    """Give a connection of DuckDB's own to a file, in turn with all that builds in it. Raises what `connect` raises."""
    with (
        closing(connect(path=path, catalog=catalog, lock_timeout_seconds=lock_timeout_seconds)) as engine,
        engine.connection() as connection,
    ):
        yield connection


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConnectError(f"cannot open {path}: {error.strerror}: {path.parent}") from error


def _settings(threads: int | None, memory_limit: str | None) -> tuple[str, ...]:
    """Spell what a session sets once it is connected: other libraries of this process connect with other settings."""
    settings = [
        "set session TimeZone = 'UTC'",  # else results depend on the machine
        # replacement scans would find Python variables of our own frames where a table is missing
        "set session python_enable_replacements = false",
    ]
    if threads:
        settings.append(f"set global threads = {threads}")
    if memory_limit:
        settings.append(f"set global memory_limit = {SPELLING.literal(memory_limit)}")
    return tuple(settings)


# DuckDB opens a file a second time in a process only with the configuration of the first: of `duckdb.connect(path)`,
# or of dagster-duckdb, which no setting changes back.
_CONFIGS: tuple[_Config, ...] = ({}, {"custom_user_agent": "dagster"})


def _others_are_here() -> bool:
    """Tell whether a library is loaded that opens files with a configuration of its own."""
    return "dagster_duckdb" in sys.modules


def _opened(path: str, catalog: str, config: _Config) -> Connection:
    """Open a database as it is open in this process already, if it is."""
    first, second = reversed(_CONFIGS) if _others_are_here() else _CONFIGS
    try:
        return _attached(path, catalog, {**first, **config})
    except duckdb.Error as error:
        if not is_open_otherwise(error):
            raise
    return _attached(path, catalog, {**second, **config})


def _attached(path: str, catalog: str, config: _Config) -> Connection:
    if catalog == own_catalog(path):
        return duckdb.connect(path, config=config)
    # a database gets another name only by being attached
    mode = " (read_only)" if config.get("access_mode") == "read_only" else ""
    connection = duckdb.connect()
    try:
        connection.execute(f"attach {SPELLING.literal(path)} as {SPELLING.quoted(catalog)}{mode}")
    except BaseException:
        connection.close()
        raise
    return connection


class DuckDBEngine:
    """One session on a DuckDB database."""

    name = SPEC.name
    dialect = SPEC.dialect
    capabilities = SPEC.can
    spelling: Spelling = SPELLING

    def __init__(
        self, file: DuckDBFile, place: Namespace, lock_timeout_seconds: float, settings: Sequence[str] = ()
    ) -> None:
        self.trace = Trace()
        self._file = file
        self._place = place
        self._timeout = lock_timeout_seconds
        self._settings = tuple(settings)
        self._session = object()
        self._is_closed = False
        self._cancelled = threading.Event()

    @contextmanager
    def turn(self) -> Iterator[None]:
        self._cancelled.clear()
        with self._file.turn(self._timeout, self._cancelled):
            yield

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection of DuckDB's own, with DuckDB's own settings, for one turn."""
        session = object()
        with self.turn():
            try:
                yield self._file.cursor(session)
            finally:
                self._file.drop_cursor(session)

    def openings(self) -> int:
        return self._file.openings

    @contextmanager
    def _cursor(self) -> Iterator[Connection]:
        if self._is_closed:
            raise EngineError("the session with the database is closed")
        with self._file.turn(self._timeout, self._cancelled):
            yield self._file.cursor(self._session, self._settings)

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        # always all three: where a file's stem equals a schema's name, two parts are ambiguous
        return self._place.relation(name, schema, catalog)

    def temporary(self, name: str) -> Relation:
        return Relation(name, "main", "temp")

    def column_type(self, declared: str) -> str:
        return _SEED_TYPES.get(declared.strip().lower(), declared)

    def usable_type(self, type: str) -> str:
        return _UNTYPED.sub("VARCHAR", type)

    def json_value(self, value: object, type: str) -> str:
        return f"cast(cast({SPELLING.literal(values.text(value, type))} as json) as {type})"

    def retype(self, relation: Relation, column: ColumnType) -> bool:
        self.execute(self.spelling.change_type(relation, column))
        return True

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int | None:
        rows = self.fetch(sql, parameters)
        return int(rows[0][0]) if rows and len(rows[0]) == 1 and isinstance(rows[0][0], int) else None

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        with self._cursor() as cursor, self._statement(sql):
            result = cursor.execute(sql, list(parameters)) if parameters else cursor.execute(sql)
            return result.fetchall() if result.description else []

    def columns(self, sql: str) -> tuple[ColumnType, ...]:
        return tuple(ColumnType(row[0], row[1]) for row in self.fetch(f"describe {sql}"))

    def kinds(self, relations: Sequence[Relation]) -> Mapping[Relation, RelationKind]:
        wanted = {_place(relation): relation for relation in relations}
        if not wanted:
            return {}
        places = ", ".join(f"({SPELLING.literals(place)})" for place in wanted)
        both = " union all ".join(
            f"select {_NAMES.format(kind)}, '{kind}' "
            f"from duckdb_{kind}s() where not internal and ({_NAMES.format(kind)}) in ({places})"
            for kind in ("view", "table")
        )
        return {
            wanted[catalog, schema, name]: "view" if kind == "view" else "table"
            for catalog, schema, name, kind in self.fetch(both)
        }

    def tables(self, relations: Sequence[Relation]) -> Mapping[Relation, TableInfo]:
        wanted = {_place(relation): relation for relation in relations}
        only = next(iter(wanted)) if len(wanted) == 1 else ()
        columns = self._column_digests(only)
        found: dict[Relation, TableInfo] = {}
        for kind, place, comment in self._described(only):
            if place in wanted:
                found[wanted[place]] = TableInfo(
                    kind, stamp_in(comment, columns.get(place) if kind == "table" else None)
                )
        counts = self._row_counts([r for r, table in found.items() if table.kind == "table" and table.stamp])
        return {relation: replace(table, rows=counts.get(relation)) for relation, table in found.items()}

    def _described(self, only: Sequence[str] = ()) -> Iterator[tuple[RelationKind, tuple[str, ...], str | None]]:
        """Give kind, place and comment of one relation, or of all."""
        kinds: tuple[RelationKind, ...] = ("view", "table")
        for kind in kinds:
            where = f" where {_IS_PLACE.format(kind)}" if only else ""
            sql = f"select database_name, schema_name, {kind}_name, comment from duckdb_{kind}s(){where}"
            for *names, comment in self.fetch(sql, only):
                yield kind, tuple(name.lower() for name in names), comment

    def _column_digests(self, only: Sequence[str]) -> Mapping[tuple[str, ...], str]:
        """Digest names and types of columns, by place: a comment survives it when a table is altered by hand."""
        sql = f"""
            select {_NAMES.format("table")},
                list(column_name order by column_index), list(data_type order by column_index)
            from duckdb_columns() where not internal {"and " + _IS_PLACE.format("table") if only else ""}
            group by all"""
        rows = self.fetch(sql, only)
        return {(c, s, t): _columns_digest(zip(names, types, strict=True)) for c, s, t, names, types in rows}

    def _row_counts(self, relations: Sequence[Relation]) -> Mapping[Relation, int]:
        """Count rows: duckdb_tables() has an estimate, which does not see what was deleted."""
        queries = [f"select {i}, count(*) from {r.sql(self.spelling)}" for i, r in enumerate(relations)]
        # one union of hundreds takes three times as long to prepare as many small ones
        unions = [" union all ".join(queries[start : start + 20]) for start in range(0, len(queries), 20)]
        rows = [row for union in unions for row in self.fetch(union)]
        return {relations[i]: int(count) for i, count in rows}

    def create_schema(self, relation: Relation) -> None:
        self.execute(self.spelling.create_schema(relation))

    def hold(self, relation: Relation) -> None:
        pass  # of two transactions that replace one relation, the second fails, and publishes nothing

    def stage(self, relation: Relation) -> Relation:
        return relation

    def publish(self, stage: Relation, relation: Relation, mode: PublishMode | None = None) -> int | None:
        return None  # the end of the transaction publishes

    def stamp(self, relation: Relation, kind: RelationKind, stamp: str, columns: Sequence[ColumnType]) -> None:
        # object ids do not survive a reopen of the file; comments do, and what replaces a table has none
        text = marked("", stamp, _columns_digest((column.name, column.type) for column in columns))
        self.execute(self.spelling.comment_on(relation, kind, text))

    def definitions(self) -> Sequence[Definition]:
        return definitions(self.fetch)

    def details(self, relations: Sequence[Relation]) -> Mapping[Relation, Details]:
        found: dict[tuple[str, ...], list[tuple[ColumnType, str | None]]] = {}
        sql = f"""
            select {_NAMES.format("table")}, column_name, data_type, comment
            from duckdb_columns() where not internal order by column_index"""
        for *place, name, kind, comment in self.fetch(sql):
            found.setdefault(tuple(place), []).append((ColumnType(name, kind), comment))
        wanted = {_place(relation): relation for relation in relations}
        comments = {place: comment or "" for _, place, comment in self._described() if place in wanted}
        return {wanted[place]: details_of(comment, found.get(place, [])) for place, comment in comments.items()}

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        if in_order and any(column.name.lower() == "rowid" for column in columns):
            return "null"  # a column of that name hides where a row lies
        # Two sums of 64-bit hashes: order-free, repeated rows count; the second one mixes the first once more.
        # hash() is blind where values compare as equal: nested and empty lists, the sign of zero, 30 days and a month.
        # A macro of that name, which users can make, would be called instead of a function without its schema.
        seen = [alias, f"{alias}.rowid"] if in_order else [alias]
        for column in columns:
            name = f"{alias}.{self.spelling.quoted(column.name)}"
            if column.type in ("FLOAT", "DOUBLE"):
                seen.append(f"system.main.signbit({name})")
            elif _is_nested(column.type) or column.type == "INTERVAL":
                seen.append(f"{name}::varchar")
        row, total = f"system.main.hash({', '.join(seen)})", "system.main.sum"
        return f"system.main.concat({total}({row}::hugeint), '-', {total}(system.main.hash({row})::hugeint))"

    def comparable(self, value: str, kind: str) -> str:
        return value  # each type has an order

    def visible(self, value: str, kind: str) -> str:
        if kind in ("FLOAT", "DOUBLE"):
            return f"({value}, signbit({value}))"
        if kind == "VARCHAR":
            return f"encode({value})"  # its collation, which its type does not tell, may take A for a
        return f"{value}::varchar" if _is_nested(kind) or kind == "INTERVAL" else value

    def unequal(self, value: str, kind: str) -> str | None:
        if kind in ("FLOAT", "DOUBLE"):  # 0 is written over -0 to no effect
            return f"case when {value} = 0 then 1 else 0 end"
        return f"{value} + interval 1 second" if kind == "INTERVAL" else None

    def read_frame(self, sql: str) -> pa.Table:
        with self._cursor() as cursor, self._statement(sql):
            rows = cursor.sql(sql)
            casts = arrow.casts(rows.columns, rows.types)
            if not casts:
                return cast("pa.Table", rows.to_arrow_table())
            try:
                return cast("pa.Table", cursor.sql(arrow.cast_query(sql, casts)).to_arrow_table())
            except duckdb.ConversionException as error:
                raise arrow.beyond_digits(list(casts), str(error)) from error

    @contextmanager
    def frame_query(self, frame: pa.Table) -> Iterator[str]:
        name = f"_ff_frame_{id(frame)}"
        with self._registered(name, arrow.storable(frame)):
            yield f"select * from {name}"

    @contextmanager
    def _registered(self, name: str, rows: object) -> Iterator[None]:
        with self._cursor() as cursor:
            try:
                cursor.register(name, rows)
            except duckdb.InterruptException as error:
                raise EngineError("the statement was interrupted") from error
            try:
                yield
            finally:
                cursor.unregister(name)

    def file_query(
        self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT
    ) -> AbstractContextManager[str]:
        from fft_core.engines.duckdb import seeds  # not needed where no seed is built

        return seeds.file_query(self, self._registered, path, column_types, form)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._cursor() as cursor:
            cursor.execute("begin")
            try:
                yield
            except BaseException:
                cursor.execute("rollback")
                raise
            if self._cancelled.is_set():  # between two statements, as while a Python model works
                cursor.execute("rollback")
                raise EngineError("the statement was interrupted")
            with self._statement("commit"):
                cursor.execute("commit")

    def for_thread(self) -> DuckDBEngine:
        if self._is_closed or not self._file.join():
            raise EngineError("the session with the database is closed")
        return DuckDBEngine(self._file, self._place, self._timeout, self._settings)

    def interrupt(self) -> None:
        self._cancelled.set()
        self._file.interrupt(self._session)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._file.part(self._session)

    @contextmanager
    def _statement(self, sql: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except duckdb.InterruptException as error:
            raise EngineError("the statement was interrupted") from error
        except duckdb.Error as error:
            raise _explained(error, sql) from error
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # what becomes of Ctrl-C in the main thread
                raise KeyboardInterrupt from error
            raise
        finally:
            self.trace.ended(sql, started)


def _explained(error: duckdb.Error, sql: str) -> StatementError:
    message, position = _parted(str(error), sql)
    missing = re.search(r"(?:Table|View) with name (\S+) does not exist", message)
    return StatementError(message, sql=sql, missing=missing.group(1) if missing else None, position=position)


def _parted(text: str, sql: str) -> tuple[str, int | None]:
    """Part DuckDB's message from the line of SQL with a mark below it, which it ends with, and find the place.

    Its advice to change the options of a reader is left out: they are not the user's.
    """
    text = re.split(r"\n(?:Possible fixes|This type was|\* |  file = )", text, maxsplit=1)[0].strip()
    marked = re.search(r"\n+LINE (\d+): (.*)\n( *)\^+$", text)
    if marked is None:
        return text, None
    lines, number = sql.split("\n"), int(marked[1]) - 1
    shown = marked[2].removeprefix("...").removesuffix("...")  # of a long line, a part
    begins = lines[number].find(shown) if number < len(lines) else -1
    if begins < 0:
        return text, None
    column = len(marked[3]) - len(f"LINE {marked[1]}: ") - (3 if marked[2].startswith("...") else 0)
    position = sum(len(line) + 1 for line in lines[:number]) + begins + max(0, column)
    blanks = len(sql) - position - len(sql[position:].lstrip())  # tabs are not counted in the mark's column
    return text[: marked.start()], position + blanks


_UNTYPED = re.compile(r'"NULL"(?! )')  # the type of NULL; a field of that name has its type behind it
_NAMES = "system.main.lower(database_name), system.main.lower(schema_name), system.main.lower({}_name)"
_IS_PLACE = f"({_NAMES}) = (?, ?, ?)"


def _place(relation: Relation) -> tuple[str, ...]:
    """A relation as DuckDB compares names: in any case."""
    return (relation.catalog or "").lower(), (relation.schema or "").lower(), relation.name.lower()


def _columns_digest(columns: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256("\n".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest()[:16]


def _is_nested(column_type: str) -> bool:
    return column_type.endswith("]") or column_type.startswith(("STRUCT", "MAP", "UNION", "VARIANT", "JSON"))
