"""Arrow tables in and out of a session of Spark; Spark 3.5 has no verbs for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession


def collected(frame: DataFrame) -> pa.Table:
    """Return the rows of a frame."""
    if hasattr(frame, "toArrow"):
        return frame.toArrow()
    import pyarrow as pa
    from pyspark.sql.pandas.types import to_arrow_schema

    own: Any = frame
    return pa.Table.from_batches(own._collect_as_arrow(), to_arrow_schema(frame.schema))


def frame_of(session: SparkSession, table: pa.Table) -> DataFrame:
    """Return a frame of the rows of a table, of which there is one at least."""
    from pyspark.sql import DataFrame
    from pyspark.sql.pandas.types import from_arrow_schema

    create: Any = session.createDataFrame
    if hasattr(DataFrame, "toArrow"):
        made: DataFrame = create(table)
        return made
    rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    of_rows: DataFrame = create(rows, from_arrow_schema(table.schema, prefer_timestamp_ntz=True))
    return of_rows
