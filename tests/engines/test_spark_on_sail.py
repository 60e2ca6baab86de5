"""The statements for tables of Delta, on Sail: a server of Spark's protocol in Rust, which has Delta and no Java.

It is neither Spark nor Databricks: what is shown is that our statements exist and do what they say there. Sail has no
`alter table ... set tblproperties`, and does not replace a table by one of other columns: neither is tried.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from server_environment import free_port, launched, listens, or_skipped, packages_of

from fft_core.engines.protocol import RelationKind, Seal, Session, Want, open_session
from fft_core.engines.spec.layout import Layout, Partition

REQUIREMENTS = ("pysail==0.7.2", "pyspark-client==4.2.0", "pandas", "pyarrow")


@contextmanager
def running_sail() -> Iterator[str]:
    """Give the URL of one session on a server of our own: its catalog belongs to a session."""
    packages, port = packages_of("sail", REQUIREMENTS), free_port()
    command = (sys.executable, packages / "bin" / "sail", "spark", "server", "--port", str(port))
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    with launched("Sail", lambda _: command, lambda: listens(port), lambda _: environment):
        yield f"sc://127.0.0.1:{port}/;session_id={uuid.uuid4()}"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with or_skipped(running_sail()) as url:
        session = open_session("databricks_spark", {"remote": url, "table_format": "delta", "database": "shop"})
        session.create_schema(session.relation("any"))
        yield session
        session.close()


def publish(session: Session, name: str, query: str, stamp: str, kind: RelationKind = "table") -> None:
    with session.turn(), session.publisher.stage(session.relation(name), kind) as stage:
        columns, _ = stage.write(query)
        stage.publish(Seal(stamp, columns))


def test_tables_and_views_are_published_with_their_stamp(session: Session) -> None:
    table, view = session.relation("orders"), session.relation("big")
    publish(session, "orders", "select 1 as id, 4 as amount", "a1")
    publish(session, "big", session.spelling.select_all(table), "a2", "view")
    publish(session, "orders", "select 2 as id, 5 as amount", "a3")
    publish(session, "big", session.spelling.select_all(table), "a4", "view")
    assert session.fetch(session.spelling.select_all(view)) == [(2, 5)]
    found = session.inspect([table, view], Want.STAMP | Want.ROWS | Want.COLUMNS)
    assert [(info.kind, info.stamp) for info in found.values()] == [("table", "a3"), ("view", "a4")]
    assert found[table].rows == 1
    session.execute(session.spelling.create_as(table, "table", "select 2 as id, 5 as amount"))
    assert session.inspect([table], Want.STAMP)[table].stamp is None  # replaced by others


def test_a_table_of_delta_has_its_partitions(session: Session) -> None:
    place, layout = session.relation("days"), Layout(partition_by=(Partition("DAY"), Partition("id", range=(0, 9, 1))))
    for stamp in ("b1", "b2"):
        with session.turn(), session.publisher.stage(place, "table", layout=layout) as stage:
            columns, _ = stage.write("select date '2026-01-03' as day, 1 as id")
            stage.publish(Seal(stamp, columns))
        shown = [row[0] for row in session.fetch(f"describe table extended {place.sql(session.spelling)}")]
        begin = shown.index("# Partition Information") + 2
        assert shown[begin : begin + 2] == ["day", ""]
    assert session.inspect([place], Want.STAMP)[place].stamp == "b2"


def test_rows_are_merged(session: Session) -> None:
    table, spelling = session.relation("merged"), session.spelling
    session.execute(spelling.create_as(table, "table", "select 1 as id, 'a' as v union all select 2, 'b'"))
    merge = spelling.merge(
        table,
        "(select 2 as id, 'c' as v union all select 3, 'd') as _ff_d",
        "_ff_t.id = _ff_d.id",
        {"v": "_ff_d.v"},
        spelling.differs("_ff_t.v", "_ff_d.v"),
        {"id": "_ff_d.id", "v": "_ff_d.v"},
    )
    for _ in range(2):
        session.execute(merge)
        assert sorted(session.fetch(spelling.select_all(table))) == [(1, "a"), (2, "c"), (3, "d")]


def test_frames_and_digests(session: Session) -> None:
    import pyarrow as pa

    frame = pa.table({"i": pa.array([1, None], pa.int64()), "s": pa.array(["a", None]), "f": pa.array([1.5, None])})
    with session.turn(), session.frames.query(frame) as query:
        assert session.frames.read(query).to_pydict() == frame.to_pydict()
        session.execute(session.spelling.create_as(session.relation("framed"), "table", query))
    assert session.frames.read(session.spelling.select_all(session.relation("framed"))).num_rows == 2
