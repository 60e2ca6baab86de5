"""A session with Snowflake: one connection of its connector; Snowpark stands on the same one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from snowflake.connector.constants import FIELD_ID_TO_NAME
from snowflake.connector.cursor import SnowflakeCursor
from snowflake.connector.errors import Error

from fft_core.engines.protocol import ColumnType, RelationKind, Row, Stats, TableInfo, Want
from fft_core.engines.session import BaseSession
from fft_core.engines.snowflake import SPEC, catalog, namespace
from fft_core.engines.snowflake.connecting import opened
from fft_core.engines.snowflake.faults import explained
from fft_core.engines.snowflake.frames import SnowflakeFrames
from fft_core.engines.snowflake.native import SnowparkFrames
from fft_core.engines.snowflake.places import SnowflakePlaces
from fft_core.engines.snowflake.publisher import SnowflakePublisher
from fft_core.engines.snowflake.spelling import SPELLING, folded, shown
from fft_core.engines.snowflake.types import SnowflakeTypes, spelled_type
from fft_core.engines.snowflake.versions import SnowflakeVersions
from fft_core.errors import EngineError, StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    from typing import Self

_COUNTED = "number of rows "  # how the columns of what INSERT, UPDATE, DELETE and MERGE answer begin


def connect(*, read_only: bool = False, scratch: bool = False, **settings: Any) -> SnowflakeSession:
    """Open a session with the settings of a profile, see `SPEC`.

    Args:
        read_only: Change nothing; a schema that is not there reads as an empty one. The role decides what it may do.
        scratch: Any session will do: its temporary tables are nobody else's, and gone when it ends.
        settings: Those of the profile; what is not given is None.
    """
    defaults = {name: setting.default for name, setting in SPEC.settings.items()}
    return SnowflakeSession({**defaults, **settings})


class SnowflakeSession(BaseSession):
    """One connection, whose statements are transactions of their own."""

    spec = SPEC

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(namespace(settings))
        self._settings = settings
        types = SnowflakeTypes()
        self.types, self.frames = types, SnowflakeFrames(self)
        self.publisher = SnowflakePublisher(self, is_transient=settings["transient"])
        self.versions = SnowflakeVersions(self.fetch, types)
        self.places = SnowflakePlaces(self, settings["account"])
        self.natives = self._snowpark = SnowparkFrames(self)
        self.connection = opened(settings)
        self._cancelled = threading.Event()
        self._has_schema = False

    def execute(self, sql: str) -> Stats:
        with self.statement(sql) as cursor:
            is_counted = cursor.description and cursor.description[0].name.startswith(_COUNTED)
            return Stats(cursor.rowcount if is_counted else None, job=cursor.sfqid)

    def fetch(self, sql: str) -> list[Row]:
        with self.statement(sql) as cursor:
            found: list[Row] = cursor.fetchall()
            return found

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        with self._explained(query):
            described = self.connection.cursor().describe(query)
        return tuple(
            ColumnType(
                shown(column.name),
                spelled_type(FIELD_ID_TO_NAME[column.type_code], column.internal_size, column.precision, column.scale),
            )
            for column in described or ()
        )

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        return catalog.inspect(self.fetch, relations, want) if relations else {}

    def for_thread(self) -> Self:
        return type(self)(self._settings)

    def interrupt(self) -> None:
        """Cancel on the service what the session is running; the connection takes statements of several threads."""
        self._cancelled.set()
        try:
            self.connection.cursor().execute(f"select system$cancel_all_queries({self.connection.session_id})")
        except Error as error:
            raise explained(error, "", is_interrupted=False) from error

    def close(self) -> None:
        try:
            self._snowpark.close()
        finally:
            self.connection.close(retry=False)

    def temporary(self, name: str) -> Relation:
        return Relation(name)  # in the current schema

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> Stats:
        self.use_schema()
        return super().create_temporary(name, query, kind)

    def create_schema(self, relation: Relation) -> None:
        schema = relation.named("")
        if self._is_there(schema):
            return
        if not self._settings["allow_create_schema"]:
            raise EngineError(
                f"the schema {'.'.join(part for part in (schema.catalog, schema.schema) if part)} is not there",
                hint="Create it, or set allow_create_schema: true in the profile (FF_SF_ALLOW_CREATE_SCHEMA).",
            )
        self.execute(SPELLING.create_schema(schema))
        self._has_schema = False  # it is the current one now, whichever it was

    def use_schema(self) -> None:
        """Make the profile's schema the current one, where temporary tables and stages lie; it must be there."""
        if not self._has_schema:
            schema = self._namespace.relation("")
            self.create_schema(schema)
            self.execute(f"use schema {SPELLING.schema(schema)}")
            self._has_schema = True

    def turn(self) -> AbstractContextManager[None]:
        self._cancelled.clear()
        return nullcontext()

    @contextmanager
    def statement(self, sql: str) -> Iterator[SnowflakeCursor]:
        """Run a statement, and give the cursor with its answer; errors are explained, and its time is counted."""
        if self._cancelled.is_set():  # between two statements, as while a Python model works
            raise EngineError("the statement was interrupted")
        with self._explained(sql), self.connection.cursor() as cursor:
            cursor.execute(sql, _statement_params=self._tag())
            yield cursor

    def _tag(self) -> dict[str, str]:
        """Name the model in the query's tag, for those who look for what it cost in the history of queries."""
        tag = {"fft": {"node": self.trace.node}} if self.trace.node else None
        return {"QUERY_TAG": json.dumps(tag)} if tag else {}

    def _is_there(self, schema: Relation) -> bool:
        place = f"{SPELLING.quoted(schema.catalog)}." if schema.catalog else ""
        wanted = SPELLING.literal(folded(schema.schema or ""))
        return bool(self.fetch(f"select 1 from {place}information_schema.schemata where schema_name = {wanted}"))

    @contextmanager
    def _explained(self, sql: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except Error as error:
            raise explained(error, sql, is_interrupted=self._cancelled.is_set()) from error
        except ValueError as error:  # a text that is no Unicode
            raise StatementError(str(error), sql=sql) from error
        finally:
            self.trace.ended(sql, started)
