"""Frames and files of BigQuery: written as Parquet by load jobs, which are free, and read as Arrow."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from google.cloud import bigquery

from fft_core.engines.arrow_columns import arrow_type_of, for_arrow, storable
from fft_core.engines.bigquery.spelling import SPELLING
from fft_core.engines.bigquery.types import ARROW_TYPES
from fft_core.engines.protocol import ColumnType, Row
from fft_core.engines.sql_frames import SqlFrames
from fft_core.errors import EngineError
from fft_core.names import Relation

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.engines.bigquery.session import BigQuerySession

_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NUMERIC, _BIGNUMERIC = (38, 9), (76, 38)


class BigQueryFrames(SqlFrames):
    """Frames by load jobs of Parquet files: FFT decides the types, and the service does not parse texts."""

    rows_at_once = 2000  # rows of a file that is read in parts; each part becomes one load of 50 times as many

    def __init__(self, session: BigQuerySession) -> None:
        super().__init__(session, ARROW_TYPES)
        self._bigquery = session

    def read(self, sql: str) -> pa.Table:
        is_fast = not self._bigquery.connection.is_emulated  # the BigQuery Storage API, if it is installed
        found: pa.Table = self._bigquery.jobs.read(sql, lambda rows: rows.to_arrow(create_bqstorage_client=is_fast))
        return found.replace_schema_metadata()

    @contextmanager
    def query(self, frame: pa.Table) -> Iterator[str]:
        columns = [ColumnType(field.name, self._type_of(field)) for field in frame.schema]
        table = storable(frame, [_arrow_type(column.type) for column in columns])
        with self._temporary(columns) as place:
            self._load(place, columns, table)
            yield self.session.spelling.select_all(place)

    def insert(self, place: Relation, columns: Sequence[ColumnType], rows: Sequence[Row]) -> None:
        import pyarrow as pa

        kinds = [_arrow_type(column.type) for column in columns]
        if None in kinds:  # a type that only the service can parse
            super().insert(place, columns, rows)
            return
        arrays = [
            pa.array([for_arrow(row[position], kind) for row in rows], kind) for position, kind in enumerate(kinds)
        ]
        self._load(place, columns, pa.Table.from_arrays(arrays, names=[column.name for column in columns]))

    @contextmanager
    def _temporary(self, columns: Sequence[ColumnType]) -> Iterator[Relation]:
        place = self.session.temporary(f"frame_{next(self._numbers)}")
        self.session.create_schema(place)
        self.session.execute(SPELLING.create_expiring_empty(place, columns))
        try:
            yield place
        finally:
            with suppress(EngineError):  # of a session that was interrupted or closed; the table expires
                self.session.execute(self.session.spelling.drop(place, "table"))

    def _load(self, place: Relation, columns: Sequence[ColumnType], table: pa.Table) -> None:
        """Load an Arrow table into a relation with these columns; names with spaces get there by another table."""
        if not table.num_rows:
            return
        if all(_PLAIN.fullmatch(column.name) for column in columns):
            self._load_file(place, table)
            return
        plain = [ColumnType(f"c{number}", column.type) for number, column in enumerate(columns)]
        with self._temporary(plain) as other:
            self._load_file(other, table.rename_columns([column.name for column in plain]))
            names = [SPELLING.quoted(column.name) for column in columns]
            self.session.execute(SPELLING.insert(place, names, SPELLING.select_all(other)))

    def _load_file(self, place: Relation, table: pa.Table) -> None:
        import pyarrow.parquet as parquet

        buffer = io.BytesIO()
        parquet.write_table(table, buffer)
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
            labels=self._bigquery.jobs.labels(),
        )
        session, target = self._bigquery, f"{place.catalog}.{place.schema}.{place.name}"

        def start(name: str) -> Any:
            return session.connection.client.load_table_from_file(
                buffer, target, rewind=True, job_id=name, job_config=config, location=session.connection.location
            )

        session.jobs.started(f"-- a load job into {target}", start, lambda _: None)


def _arrow_type(type: str) -> Any:  # Any: an Arrow type; None if there is none
    import pyarrow as pa

    number = re.fullmatch(r"(big)?numeric(?:\((\d+), (\d+)\))?", type)
    if number:
        precision, scale = (int(number[2]), int(number[3])) if number[2] else _BIGNUMERIC if number[1] else _NUMERIC
        return pa.decimal256(precision, scale) if precision > _NUMERIC[0] else pa.decimal128(precision, scale)
    return arrow_type_of(ARROW_TYPES.get(type))
