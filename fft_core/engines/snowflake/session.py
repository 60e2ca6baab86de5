"""A session with Snowflake: one connection of the connector, which Snowpark uses as well."""

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

_COUNTED = "number of rows "  # the first words of the result's columns for INSERT, UPDATE, DELETE and MERGE


def connect(*, read_only: bool = False, scratch: bool = False, **settings: Any) -> SnowflakeSession:
    """Open a session with the settings of a profile, see `SPEC`.

    Args:
        read_only: Has no effect: the role decides what a session may change. A missing schema reads as an empty one.
        scratch: Has no effect: the temporary tables of any session are its own, and are dropped when it ends.
        settings: The settings of the profile; a missing one has its default.
    """
    defaults = {name: setting.default for name, setting in SPEC.settings.items()}
    return SnowflakeSession({**defaults, **settings})


class SnowflakeSession(BaseSession):
    """A session on one connection; each statement is its own transaction."""

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
        """Cancel the running statements of the session, from any thread: the connection accepts several threads."""
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
                f"the schema {'.'.join(part for part in (schema.catalog, schema.schema) if part)} does not exist",
                hint="Create it, or set allow_create_schema: true in the profile (FF_SF_ALLOW_CREATE_SCHEMA).",
                code="FFT-607",
            )
        self.execute(SPELLING.create_schema(schema))
        self._has_schema = False  # CREATE SCHEMA has changed the current schema

    def use_schema(self) -> None:
        """Make the profile's schema the current one, for temporary tables and stages; create it if it is missing."""
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
        """Run a statement and yield the cursor with its result; errors become those of FFT, and its time is counted."""
        if self._cancelled.is_set():  # between two statements, for example in a Python model
            raise EngineError("the statement was interrupted", code="FFT-604")
        with self._explained(sql), self.connection.cursor() as cursor:
            cursor.execute(sql, _statement_params=self._tag())
            yield cursor

    def _tag(self) -> dict[str, str]:
        """Return the query's tag with project, model and run, to find the costs of models in the query history."""
        labels = self.trace.labels()
        return {"QUERY_TAG": json.dumps({"fft": labels})} if labels else {}

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
        except ValueError as error:  # the text is not valid Unicode
            raise StatementError(str(error), sql=sql) from error
        finally:
            self.trace.ended(sql, started)
