"""A session with Spark, of its own on the server or in the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fft_core.engines.databricks import SPEC, capabilities_of, catalog, namespace
from fft_core.engines.databricks.arrow import collected, frame_of
from fft_core.engines.databricks.connecting import SparkSessions
from fft_core.engines.databricks.faults import explained
from fft_core.engines.databricks.frames import SparkFrames
from fft_core.engines.databricks.native import PysparkFrames
from fft_core.engines.databricks.places import SparkPlaces
from fft_core.engines.databricks.publisher import ParquetPublisher, SparkPublisher
from fft_core.engines.databricks.spelling import SPELLINGS, DatabricksSpelling, ParquetSpelling
from fft_core.engines.databricks.types import SparkTypes
from fft_core.engines.databricks.versions import SparkVersions
from fft_core.engines.protocol import ColumnType, RelationKind, Row, Stats, TableInfo, Want
from fft_core.engines.session import BaseSession
from fft_core.errors import EngineError, StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    from typing import Self

    import pyarrow as pa
    from pyspark.sql import DataFrame

_QUERIES = ("select", "with", "from", "values", "table", "(", "show", "describe", "desc", "explain", "list")


def connect(*, read_only: bool = False, scratch: bool = False, **settings: Any) -> SparkEngineSession:
    """Open a session with the settings of a profile, see `SPEC`.

    Args:
        read_only: Has no effect: the catalog decides what a session may change. A missing database reads as empty.
        scratch: Has no effect: temporary tables lie in a database of each session, which is dropped with it.
        settings: The settings of the profile; a missing one has its default.
    """
    defaults = {name: setting.default for name, setting in SPEC.settings.items()}
    return SparkEngineSession({**defaults, **settings})


class SparkEngineSession(BaseSession):
    """A session whose statements are transactions of their own."""

    spec = SPEC

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(namespace(settings))
        self._settings = settings
        self.form: str = settings["table_format"]
        self.spelled: DatabricksSpelling = SPELLINGS[self.form](settings["table_options"])
        self.spelling = self.spelled
        self._sessions = SparkSessions(settings)
        self.capabilities = capabilities_of(self.form)
        self.publisher = (
            ParquetPublisher(self, self.spelled)
            if isinstance(self.spelled, ParquetSpelling)
            else SparkPublisher(self, self.spelled)
        )
        self.types, self.frames = SparkTypes(), SparkFrames(self)
        self.versions, self.natives = SparkVersions(self), PysparkFrames(self)
        self.places = SparkPlaces(self, self._sessions.endpoint)
        self._cancelled = threading.Event()
        self._tag = f"fft_{uuid4().hex}"
        self._scratch: str | None = None
        self.spark = self._sessions.open()
        self._use_database()
        self._remembers = self._sessions.remembers_files(self.spark)
        self._turns = 0

    def execute(self, sql: str) -> Stats:
        kept = self.spelled.kept(sql) if isinstance(self.spelled, ParquetSpelling) else None
        if kept is not None and isinstance(self.publisher, ParquetPublisher) and self.publisher.keep(*kept):
            return Stats()
        with self._statement(sql) as frame:
            if sql.lstrip().lower().startswith(_QUERIES):
                frame.collect()  # other statements have run already
        return Stats()

    def fetch(self, sql: str) -> list[Row]:
        found = self.arrow(sql)
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True)) if found.num_rows else []

    def arrow(self, sql: str) -> pa.Table:
        """Run a query and return its rows as Arrow gives them."""
        with self._statement(sql) as frame:
            return collected(frame)

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        with self._statement(query) as frame:
            fields = frame.schema.fields
        return tuple(ColumnType(field.name, field.dataType.simpleString()) for field in fields)

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        return catalog.inspect(self.fetch, self.columns, self.spelled, relations, want) if relations else {}

    def for_thread(self) -> Self:
        return type(self)(self._settings)

    def interrupt(self) -> None:
        """Cancel the running statement of the session, from any thread."""
        self._cancelled.set()
        with self.explained(""):
            if self._sessions.is_remote:
                self.spark.interruptAll()
            else:
                self.spark.sparkContext.cancelJobGroup(self._tag)

    def close(self) -> None:
        try:
            if self._scratch is not None:
                self._cancelled.clear()
                with suppress(EngineError):  # of a server that is gone
                    self.execute(self.spelling.drop_schema(self.temporary("")))
        finally:
            self._sessions.close(self.spark)

    def temporary(self, name: str) -> Relation:
        if self._scratch is None:
            self._scratch = f"_ff_scratch_{uuid4().hex}"
            self._has_scratch = False
        return Relation(name, self._scratch, self._namespace.catalog)

    def names_beside(self, relation: Relation, prefix: str) -> Sequence[str]:
        return catalog.names_in(self.fetch, self.spelled, relation, prefix)

    def create_schema(self, relation: Relation) -> None:
        super().create_schema(relation)
        self._use_database()

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> Stats:
        place = self.temporary(name)
        if not self._has_scratch:
            self.create_schema(place)
            self._has_scratch = True
        return self.execute(self.spelling.create_as(place, kind, query, replaces=False))

    def create_view(self, table: pa.Table, name: str) -> None:
        """Make the rows of an Arrow table, of which there is one at least, a temporary view of the session."""
        with self.explained(f"create temporary view {name}"):
            frame_of(self.spark, table).createOrReplaceTempView(name)

    def drop_view(self, name: str) -> None:
        """Drop a temporary view, if it is there; also if the session is interrupted."""
        with self.explained(""):
            self.spark.catalog.dropTempView(name)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Begin with a session that remembers no files, so that tables are read that others have made meanwhile."""
        self._cancelled.clear()
        if self._remembers and self._turns == 0 and self._scratch is None:
            before, self.spark = self.spark, self._sessions.open()
            self._sessions.close(before)
            self._use_database()
        self._turns += 1
        try:
            yield
        finally:
            self._turns -= 1

    def _use_database(self) -> None:
        """Look for unqualified names in the database of the profile, if it is there."""
        with suppress(StatementError):
            self.execute(f"use {self.spelled.schema(self._namespace.relation(''))}")

    @contextmanager
    def _statement(self, sql: str) -> Iterator[DataFrame]:
        """Run a statement, or prepare a query, and yield its frame; errors become those of FFT."""
        if self._cancelled.is_set():  # between two statements, for example in a Python model
            raise EngineError("the statement was interrupted", code="FFT-604")
        with self.explained(sql):
            self._label_jobs()
            yield self.spark.sql(sql)

    def _label_jobs(self) -> None:
        """Let the next jobs tell their project, node and run: by tags with Spark Connect, else by their description."""
        labels = self.trace.labels()
        if not self._sessions.is_remote:
            told = ", ".join(f"{name} {value}" for name, value in labels.items())
            self.spark.sparkContext.setJobGroup(self._tag, told or "fft", interruptOnCancel=True)
            return
        self.spark.clearTags()
        for name, value in labels.items():
            self.spark.addTag(f"fft_{name}={value.replace(',', '_')}")

    @contextmanager
    def explained(self, sql: str) -> Iterator[None]:
        """Raise errors of Spark as those of FFT, and add up the time of the context."""
        started = time.perf_counter()
        try:
            yield
        except EngineError:
            raise
        except UnicodeError as error:
            raise StatementError(str(error), sql=sql) from error
        except Exception as error:
            raise explained(error, sql, is_interrupted=self._cancelled.is_set()) from error
        finally:
            if sql:
                self.trace.ended(sql, started)
