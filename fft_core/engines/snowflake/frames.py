"""Frames and files of Snowflake: written as Parquet, by a temporary stage, into temporary tables; read as Arrow."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fft_core.engines.arrow_columns import arrow_type_of, for_arrow, storable
from fft_core.engines.protocol import ColumnType, Row
from fft_core.engines.snowflake.spelling import SPELLING, folded
from fft_core.engines.snowflake.types import ARROW_TYPES
from fft_core.engines.sql_frames import SqlFrames
from fft_core.errors import EngineError
from fft_core.names import Relation

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.engines.snowflake.session import SnowflakeSession

_STAGE = "_FF_FILES"


class SnowflakeFrames(SqlFrames):
    """Frames by Parquet files, PUT and COPY: FFT decides the types, and the service does not parse texts."""

    rows_at_once = 2000  # rows of a file that is read in parts; each part becomes one Parquet file of 50 times as many

    def __init__(self, session: SnowflakeSession) -> None:
        super().__init__(session, ARROW_TYPES)
        self._snowflake = session
        self._has_stage = False

    def read(self, sql: str) -> pa.Table:
        columns = self._snowflake.columns(sql)
        with self._snowflake.statement(sql) as cursor:
            found: Any = cursor.fetch_arrow_all(force_return_table=True)
        import pyarrow as pa

        arrays = [_cast(column, found.column(place)) for place, column in enumerate(columns)]
        return pa.Table.from_arrays(arrays, names=[column.name for column in columns])

    @contextmanager
    def query(self, frame: pa.Table) -> Iterator[str]:
        import pyarrow as pa

        columns = [ColumnType(field.name, self._type_of(field)) for field in frame.schema]
        with self._temporary(columns) as place:
            whole = pa.decimal128(20, 0)  # of uint64, for which Snowflake's Parquet has no type
            kinds = [
                whole if field.type == pa.uint64() else _arrow_type(column.type)
                for field, column in zip(frame.schema, columns, strict=True)
            ]
            self._copy(place, storable(frame, kinds))
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
        self._copy(place, pa.Table.from_arrays(arrays, names=[column.name for column in columns]))

    @contextmanager
    def _temporary(self, columns: Sequence[ColumnType]) -> Iterator[Relation]:
        self._snowflake.use_schema()
        with super()._temporary(columns) as place:
            yield place

    def _copy(self, place: Relation, table: pa.Table) -> None:
        """Load an Arrow table into a relation with columns of the same names."""
        import pyarrow.parquet as parquet

        if not table.num_rows:
            return
        if not self._has_stage:
            self._snowflake.execute(f'create temporary stage if not exists "{_STAGE}"')
            self._has_stage = True
        name = f"{uuid4().hex}.parquet"
        with tempfile.TemporaryDirectory(prefix="fft_snowflake_") as folder:
            path = Path(folder) / name
            parquet.write_table(table.rename_columns([folded(one) for one in table.column_names]), path)
            self._snowflake.execute(put(path))
        self._snowflake.execute(copy_into(place, name))


def put(path: Path) -> str:
    """Render the upload of a file into the stage of the session."""
    return f'put {SPELLING.text(f"file://{path.as_posix()}")} @"{_STAGE}" auto_compress = false overwrite = true'


def copy_into(place: Relation, name: str) -> str:
    """Render the load of an uploaded Parquet file, whose columns have the table's names; it also removes the file."""
    form = "file_format = (type = parquet use_logical_type = true)"
    return (
        f'copy into {SPELLING.relation(place)} from @"{_STAGE}"/{name} {form} '
        "match_by_column_name = case_sensitive purge = true"
    )


def _cast(column: ColumnType, values: Any) -> Any:
    """Return values in the Arrow type of their column, because the service sends integers as narrow as the values."""
    import pyarrow as pa

    kind = _arrow_type(column.type) or pa.string()
    try:
        if column.type == "number(38,0)":
            return _whole(values)
        return values.cast(kind)
    except (pa.ArrowException, ValueError) as error:
        raise EngineError(
            f"column {column.name!r} ({column.type}) has values that a frame cannot hold: {error}",
            hint="Cast it in the model that makes it; times in a frame have microseconds.",
            code="FFT-414",
        ) from error


def _whole(values: Any) -> Any:
    """Return whole numbers as int64, or as decimals if one has more than 64 bits."""
    import pyarrow as pa

    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return values.cast(pa.decimal128(38, 0))


def _arrow_type(type: str) -> Any:  # Any: an Arrow type; None if there is none
    import pyarrow as pa

    number = re.fullmatch(r"number\((\d+),(\d+)\)", type)
    if number:
        precision, scale = int(number[1]), int(number[2])
        is_whole = (scale == 0 and precision <= 18) or type == "number(38,0)"
        return pa.int64() if is_whole else pa.decimal128(precision, scale)
    return arrow_type_of(ARROW_TYPES.get(type.partition("(")[0]))
