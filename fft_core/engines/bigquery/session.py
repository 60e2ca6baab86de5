"""A session with BigQuery: jobs of one client, which all sessions of a process share."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from fft_core.engines.bigquery import SPEC, catalog, namespace
from fft_core.engines.bigquery.connecting import Connection, opened
from fft_core.engines.bigquery.estimates import BigQueryEstimates
from fft_core.engines.bigquery.frames import BigQueryFrames
from fft_core.engines.bigquery.jobs import Jobs, statistics
from fft_core.engines.bigquery.layout import TableLayout, published
from fft_core.engines.bigquery.native import BigFrames
from fft_core.engines.bigquery.places import BigQueryPlaces
from fft_core.engines.bigquery.publisher import BigQueryPublisher
from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.bigquery.types import BigQueryTypes, column_of
from fft_core.engines.bigquery.versions import BigQueryVersions
from fft_core.engines.protocol import ColumnType, RelationKind, Row, Stats, TableInfo, Want
from fft_core.engines.session import BaseSession
from fft_core.errors import EngineError
from fft_core.names import Relation

if TYPE_CHECKING:
    from typing import Self


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
        self.jobs = Jobs(connection, lambda: self.trace)  # a session that is opened late gets another one
        self.types, self.frames = BigQueryTypes(), BigQueryFrames(self)
        self.publisher = BigQueryPublisher(self)
        self.versions = BigQueryVersions(self._known)
        self.estimates = BigQueryEstimates(self._bytes_of)
        self.places = BigQueryPlaces(self, connection.location)
        self.natives = self._bigframes = BigFrames(self, is_used=settings["use_bigframes"])
        self._prefix = f"_ff_tmp_{secrets.token_hex(6)}_"
        self._temporary: dict[Relation, RelationKind] = {}

    def execute(self, sql: str) -> Stats:
        return self.jobs.query(sql, statistics)

    def fetch(self, sql: str) -> list[Row]:
        return self.jobs.read(sql, lambda rows: [tuple(row.values()) for row in rows])

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        return tuple(map(column_of, self.jobs.dry_run(query).schema or ()))

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        with self.jobs.explained(""):
            return catalog.inspect(self.connection, relations, want)

    def signature(self, relation: Relation) -> str:
        """Return what a relation is made of, as `inspect` compares it."""
        with self.jobs.explained(""):
            table = catalog.tables(self.connection, [relation])[relation]
            return catalog.signature(table.schema)

    def layout(self, relation: Relation) -> TableLayout | None:
        """Return the partitions and clusters of a table; None if there is no such table."""
        with self.jobs.explained(""):
            table = catalog.tables(self.connection, [relation]).get(relation)
        if table is None or table.table_type != "TABLE":
            return None
        return published(table, {column.name.lower(): column.type for column in map(column_of, table.schema)})

    def for_thread(self) -> Self:
        return type(self)(self._settings, self.connection)

    def interrupt(self) -> None:
        self.jobs.interrupt()

    def close(self) -> None:
        self.jobs.resume()
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
        with self.jobs.explained(""):
            return [name for name in catalog.names_in(self.connection, relation) if name.startswith(prefix)]

    def create_schema(self, relation: Relation) -> None:
        dataset = f"{relation.catalog}.{relation.schema}"
        client, retry = self.connection.client, self.connection.retry
        with self.jobs.explained(""):
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
        self.jobs.resume()
        return nullcontext()

    def _bytes_of(self, query: str) -> int | None:
        found: int | None = self.jobs.dry_run(query).total_bytes_processed
        return found

    def _known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        with self.jobs.explained(""):
            return catalog.change_marks(self.connection, relations)
