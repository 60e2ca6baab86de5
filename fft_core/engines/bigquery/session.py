"""A session with BigQuery: jobs of one client, which all sessions of a process share."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from fft_core.engines.bigquery import SPEC, catalog, namespace
from fft_core.engines.bigquery.connecting import Connection, opened
from fft_core.engines.bigquery.estimates import BigQueryEstimates
from fft_core.engines.bigquery.faults import FAULTS, explained
from fft_core.engines.bigquery.frames import BigQueryFrames
from fft_core.engines.bigquery.layout import TableLayout, published
from fft_core.engines.bigquery.native import BigFrames
from fft_core.engines.bigquery.places import BigQueryPlaces
from fft_core.engines.bigquery.publisher import BigQueryPublisher
from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.bigquery.types import BigQueryTypes, column_of
from fft_core.engines.bigquery.versions import BigQueryVersions
from fft_core.engines.protocol import ColumnType, RelationKind, Row, Stats, TableInfo, Want
from fft_core.engines.session import BaseSession
from fft_core.errors import EngineError, StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    from typing import Self

T = TypeVar("T")
_NO_LABEL = re.compile(r"[^a-z0-9_-]")
_LONGEST_LABEL = 63


def connect(*, read_only: bool = False, scratch: bool = False, **settings: Any) -> BigQuerySession:
    """Open a session with the settings of a profile, see `SPEC`.

    Args:
        read_only: Has no effect: the roles of the account decide. A missing dataset reads as an empty one.
        scratch: Has no effect: tables that stand in for temporary ones have names of their own, and expire.
        settings: The settings of the profile; a missing one has its default.
    """
    defaults = {name: setting.default for name, setting in SPEC.settings.items()}
    given = {**defaults, **settings}
    return BigQuerySession(given, opened(given))


class BigQuerySession(BaseSession):
    """A session whose statements are jobs; each job is its own transaction."""

    spec = SPEC

    def __init__(self, settings: Mapping[str, Any], connection: Connection) -> None:
        super().__init__(namespace(settings))
        self._settings = settings
        self.connection = connection
        self.types, self.frames = BigQueryTypes(), BigQueryFrames(self)
        self.publisher = BigQueryPublisher(self)
        self.versions = BigQueryVersions(self._known)
        self.estimates = BigQueryEstimates(self._bytes_of)
        self.places = BigQueryPlaces(self, connection.location)
        self.natives = self._bigframes = BigFrames(self, is_used=settings["use_bigframes"])
        self._cancelled = threading.Event()
        self._job: str | None = None
        self._prefix = f"_ff_tmp_{secrets.token_hex(6)}_"
        self._temporary: dict[Relation, RelationKind] = {}

    def execute(self, sql: str) -> Stats:
        job = self._run(sql, lambda job: job)
        return Stats(job.num_dml_affected_rows, job.total_bytes_processed, job.job_id)

    def fetch(self, sql: str) -> list[Row]:
        return self.read(sql, lambda rows: [tuple(row.values()) for row in rows])

    def read(self, sql: str, use: Callable[[Any], T]) -> T:  # Any: the client's rows have no types
        """Run a query and return what is made of its rows, which come in pages."""
        return self._run(sql, lambda job: use(job.result(retry=self.connection.retry)))

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        return tuple(map(column_of, self._dry_run(query).schema or ()))

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        with self._explained(""):
            return catalog.inspect(self.connection, relations, want)

    def signature(self, relation: Relation) -> str:
        """Return what a relation is made of, as `inspect` compares it."""
        with self._explained(""):
            table = catalog.tables(self.connection, [relation])[relation]
            return catalog.signature(table.schema)

    def layout(self, relation: Relation) -> TableLayout | None:
        """Return the partitions and clusters of a table; None if there is no such table."""
        with self._explained(""):
            table = catalog.tables(self.connection, [relation]).get(relation)
        if table is None or table.table_type != "TABLE":
            return None
        return published(table, {column.name.lower(): column.type for column in map(column_of, table.schema)})

    def for_thread(self) -> Self:
        return type(self)(self._settings, self.connection)

    def interrupt(self) -> None:
        """Cancel the running job, from any thread. One that has not reached the service yet is cancelled later."""
        self._cancelled.set()
        job = self._job
        if job is not None:
            self.cancel(job)

    def cancel(self, job: str) -> None:
        """Ask the service to end a job. Raises EngineError."""
        try:
            self.connection.client.cancel_job(job, location=self.connection.location, retry=self.connection.retry)
        except NotFound:  # it ends when its thread sees that the session is interrupted
            return
        except FAULTS as error:
            raise explained(error, "", is_interrupted=False) from error

    def close(self) -> None:
        self._cancelled.clear()
        made, self._temporary = self._temporary, {}
        with suppress(EngineError):  # they expire
            for relation, kind in reversed(made.items()):
                self.execute(SPELLING.drop_if_exists(relation, kind))
        self._bigframes.close()

    def temporary(self, name: str) -> Relation:
        """Return where a table lies that stands in for a temporary one: in the profile's dataset."""
        return self.relation(name if name.startswith(self._prefix) else f"{self._prefix}{name}")

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> Stats:
        relation = self.temporary(name)
        self.create_schema(relation)
        self._temporary[relation] = kind
        return self.execute(SPELLING.create_expiring(relation, kind, query))

    def names_beside(self, relation: Relation, prefix: str) -> Sequence[str]:
        with self._explained(""):
            return [name for name in catalog.names_in(self.connection, relation) if name.startswith(prefix)]

    def create_schema(self, relation: Relation) -> None:
        dataset = f"{relation.catalog}.{relation.schema}"
        client, retry = self.connection.client, self.connection.retry
        with self._explained(""):
            try:
                client.get_dataset(dataset, retry=retry)
            except NotFound:
                if not self._settings["allow_create_dataset"]:
                    raise EngineError(
                        f"the dataset {dataset} does not exist",
                        hint="Create it, or set allow_create_dataset: true (FF_BQ_ALLOW_CREATE_DATASET).",
                        code="FFT-607",
                    ) from None
                made = bigquery.Dataset(dataset)
                made.location = self.connection.location
                client.create_dataset(made, exists_ok=True, retry=retry)

    def turn(self) -> AbstractContextManager[None]:
        self._cancelled.clear()
        return nullcontext()

    def labels(self) -> dict[str, str]:
        """Return the labels of a job, to find what models cost in INFORMATION_SCHEMA.JOBS and in the bill."""
        node = _NO_LABEL.sub("_", self.trace.node.lower())[:_LONGEST_LABEL]
        return {"fft": "1", **({"fft_node": node} if node else {})}

    def started(self, sql: str, start: Callable[[str], Any], use: Callable[[Any], T]) -> T:
        """Start a job of the client, wait for its end, and use it; errors become those of FFT.

        Args:
            sql: What the job does, for errors and the log.
            start: Starts a job with this id.
            use: Makes something of the job that has ended.
        """
        if self._cancelled.is_set():  # between two statements, for example in a Python model
            raise EngineError("the statement was interrupted", code="FFT-604")
        name = f"fft_{uuid4().hex}"
        self._job = name
        try:
            with self._explained(sql):
                job = start(name)
                if self._cancelled.is_set():  # before the service knew the job
                    self.cancel(name)
                job.result(retry=self.connection.retry)
                found = use(job)
        finally:
            self._job = None
        if self._cancelled.is_set():  # too late for this job; what would follow is not run
            raise EngineError("the statement was interrupted", code="FFT-604")
        return found

    def _run(self, sql: str, use: Callable[[Any], T]) -> T:
        config = bigquery.QueryJobConfig(labels=self.labels())
        client, retry = self.connection.client, self.connection.retry

        def start(name: str) -> Any:
            return client.query(
                sql, job_config=config, job_id=name, location=self.connection.location, retry=retry, job_retry=None
            )

        return self.started(sql, start, use)

    def _dry_run(self, query: str) -> Any:
        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, labels=self.labels())
        with self._explained(query):
            return self.connection.client.query(
                query,
                job_config=config,
                location=self.connection.location,
                retry=self.connection.retry,
                job_retry=None,
            )

    def _bytes_of(self, query: str) -> int | None:
        found: int | None = self._dry_run(query).total_bytes_processed
        return found

    def _known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        with self._explained(""):
            return catalog.change_marks(self.connection, relations)

    @contextmanager
    def _explained(self, sql: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        except FAULTS as error:
            raise explained(error, sql, is_interrupted=self._cancelled.is_set()) from error
        except UnicodeError as error:
            raise StatementError(str(error), sql=sql) from error
        finally:
            if sql:
                self.trace.ended(sql, started)
