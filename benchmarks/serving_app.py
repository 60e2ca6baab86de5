"""The app of the benchmark: FastAPI with `fft_serve` mounted, and the same answers by psycopg alone beside it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import psycopg
import pyarrow as pa
from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from psycopg.rows import dict_row

from fft_serve import app as served

COLUMNS = "id, name, amount, at"
api = FastAPI()
api.mount("/fft", served(os.environ["BENCH_PROJECT"], "dev", variables=dict(os.environ)))
_idle: SimpleQueue[psycopg.Connection[Any]] = SimpleQueue()


def _connection() -> psycopg.Connection[Any]:
    if _idle.empty():
        return psycopg.connect(os.environ["FF_PG_DSN"], autocommit=True, row_factory=dict_row)
    return _idle.get()


@api.get("/raw/rows")
def page(after: int = -1, limit: int = 100) -> JSONResponse:
    """Return a keyset page; FastAPI runs this in a thread."""
    connection = _connection()
    sql = f"select {COLUMNS} from shop.facts where id > %s order by id limit %s"
    rows = connection.execute(sql.encode(), (after, limit)).fetchall()
    _idle.put(connection)
    found = [{**row, "amount": float(row["amount"]), "at": row["at"].isoformat()} for row in rows]
    return JSONResponse({"rows": found, "next": found[-1]["id"] if len(found) == limit else None})


@api.get("/raw/arrow")
def stream() -> StreamingResponse:
    """Return all rows as an Arrow stream, by a cursor of the server."""
    return StreamingResponse(_batches(), media_type="application/vnd.apache.arrow.stream")


def _batches() -> Iterator[bytes]:
    sink, writer = io.BytesIO(), None
    with psycopg.connect(os.environ["FF_PG_DSN"]) as connection, connection.cursor("facts") as cursor:
        cursor.itersize = 10_000
        cursor.execute(f"select {COLUMNS} from shop.facts".encode())
        while rows := cursor.fetchmany(10_000):
            names = COLUMNS.split(", ")
            batch = pa.RecordBatch.from_pydict(
                dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), SCHEMA
            )
            writer = writer or pa.ipc.new_stream(sink, SCHEMA)
            writer.write_batch(batch)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    if writer is not None:
        writer.close()
    yield sink.getvalue()


FIELDS: list[tuple[str, pa.DataType]] = [
    ("id", pa.int64()),
    ("name", pa.string()),
    ("amount", pa.decimal128(10, 2)),
    ("at", pa.timestamp("us")),
]
SCHEMA = pa.schema(FIELDS)
