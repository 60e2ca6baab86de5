"""The levels of the contract that need a session: reads, concurrent, frames; and the capabilities."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from fft_core.engines.protocol import Seal, Session, Want
from fft_core.errors import EngineError, StatementError
from fft_core.run.termination import Canceller
from fft_core.testing.claims import expect, level
from fft_core.testing.on_an_engine import OnAnEngine
from fft_core.testing.shop import Shop

if TYPE_CHECKING:
    import pyarrow as pa

_WORDS = ("plain", 'it\'s a \\ "text" {of} `ours`;', "-- no comment", "", "ünïcödé 火", "two\nlines\tand a tab")


class ReadsContract(OnAnEngine):
    """Tests of queries, columns, names and values."""

    @level("reads")
    def test_texts_come_back_as_they_are(self, session: Session) -> None:
        literal = session.spelling.literal
        ((*found,),) = session.fetch(f"select {', '.join(f'{literal(t)} as t{i}' for i, t in enumerate(_WORDS))}")
        assert found == list(_WORDS)

    @level("reads")
    def test_the_columns_of_a_query_are_told_without_running_it(self, session: Session) -> None:
        names = ["id", "a b", "select", "it's"]
        quoted = session.spelling.quoted
        query = f"select {', '.join(f'{i} as {quoted(name)}' for i, name in enumerate(names))}"
        assert [column.name for column in session.columns(query)] == names
        assert all(column.type for column in session.columns(query))

    @level("reads")
    def test_what_is_there_is_described(self, session: Session) -> None:
        table, view = self.publish(session, "t", "select 1 as a, 'x' as b"), session.relation("v")
        self.publish(session, "v", session.spelling.select_all(table), "view")
        found = session.inspect([table, view, session.relation("nothing")], ~Want.KIND)
        assert {relation: info.kind for relation, info in found.items()} == {table: "table", view: "view"}
        assert [info.stamp for info in found.values()] == ["ab", "ab"]
        assert found[table].rows == 1
        assert [column.name for column in found[table].columns] == ["a", "b"]
        assert session.inspect([]) == {}

    @level("reads")
    def test_a_missing_relation_is_named(self, session: Session) -> None:
        with pytest.raises(StatementError) as caught:
            session.fetch("select * from nowhere")
        assert (caught.value.missing or "").lower() == "nowhere"

    @level("reads")
    def test_what_is_wrong_with_a_statement_is_an_error_of_ours(self, session: Session) -> None:
        for wrong in ("select nothing", "no sql at all"):
            with pytest.raises(StatementError):
                session.fetch(wrong)
        assert session.fetch("select 1") == [(1,)]


class ConcurrentContract(OnAnEngine):
    """Tests of threads, readers, and interrupted statements."""

    @level("concurrent")
    def test_threads_build_beside_each_other(self, shop: Shop) -> None:
        names = [f"m{number}" for number in range(8)]
        shop.write({f"models/{name}.ff.sql": f"select {number} as n" for number, name in enumerate(names)})
        with shop.opened() as run, ThreadPoolExecutor(4) as pool:
            list(pool.map(run.build, run.order()))
        assert [shop.rows(name, "n") for name in names] == [[(number,)] for number in range(8)]
        assert shop.build() == set()

    @level("concurrent")
    def test_a_reader_sees_the_old_rows_or_the_new_ones(self, session: Session) -> None:
        rows = " union all ".join(f"select {number} as i" for number in range(50))
        relation = self.publish(session, "t", f"select i, 0 as n from ({rows}) as s")
        reader, seen, failed, done = session.for_thread(), set[Any](), list[EngineError](), threading.Event()

        def read() -> None:
            while not done.is_set():
                try:
                    with reader.turn():
                        found = reader.fetch(f"select count(*), max(n) - min(n) from {relation.sql(reader.spelling)}")
                    seen.update(found)
                except EngineError as error:
                    failed.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        for number in range(1, 10):
            self.publish(session, "t", f"select i, {number} as n from ({rows}) as s")
        done.set()
        thread.join()
        reader.close()
        assert not failed
        assert seen == {(50, 0)}

    @level("concurrent")
    def test_a_running_statement_is_interrupted(self, session: Session) -> None:
        for seconds in (0, 0.05, 0.2):  # a statement that has not begun is only interrupted by a later call
            canceller = Canceller(session.interrupt)
            timer = threading.Timer(seconds, canceller.cancel_until_ended)
            with session.turn():
                timer.start()
                with pytest.raises(EngineError, match="interrupted"):
                    session.fetch(self.slow_query)
                canceller.end()
                timer.join()
        with session.turn():
            assert session.fetch("select 1") == [(1,)]

    @level("concurrent")
    def test_an_interruption_is_an_error_of_ours_at_any_statement(self, session: Session) -> None:
        relation, until = self.publish(session, "t", "select 1 as a"), time.monotonic() + 1
        with interrupting(session):
            while time.monotonic() < until:
                with suppress(EngineError), session.turn(), session.publisher.stage(relation, "table") as stage:
                    columns, _ = stage.write("select 2 as a")
                    stage.publish(Seal("cd", columns))
        self.publish(session, "t", "select 3 as a")
        assert session.fetch(session.spelling.select_all(relation)) == [(3,)]


@contextmanager
def interrupting(session: Session) -> Iterator[None]:
    """Interrupt a session again and again, at moments left to chance, until the context ends."""
    ended = threading.Event()

    def interrupt() -> None:
        while not ended.wait(random.uniform(0, 0.01)):
            with suppress(EngineError):  # a server may refuse, as nothing runs
                session.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class FramesContract(OnAnEngine):
    """Tests of frames as inputs and results."""

    @level("frames")
    def test_frames_come_back_as_they_went(self, session: Session) -> None:
        frame = plain_frame()
        with session.turn(), session.frames.query(frame) as query:
            found = session.frames.read(query)
        assert found.to_pydict() == frame.to_pydict()
        assert [field.type for field in found.schema] == [field.type for field in frame.schema]

    @level("frames")
    def test_a_frame_without_rows_keeps_its_columns(self, session: Session) -> None:
        frame = plain_frame().slice(0, 0)
        with session.turn(), session.frames.query(frame) as query:
            found = session.frames.read(query)
        assert found.num_rows == 0
        assert [field.type for field in found.schema] == [field.type for field in frame.schema]

    @level("frames")
    def test_an_interruption_is_an_error_of_ours_while_frames_are_read(self, session: Session) -> None:
        frame, until = plain_frame(), time.monotonic() + 1
        with interrupting(session):
            while time.monotonic() < until:
                with suppress(EngineError), session.turn(), session.transaction(), session.frames.query(frame) as query:
                    session.frames.read(query)
        with session.turn(), session.frames.query(frame) as query:
            assert session.frames.read(query).to_pydict() == frame.to_pydict()


class CapabilitiesContract(OnAnEngine):
    """Tests of those flags of `Capabilities` that a test can verify."""

    @pytest.mark.parametrize(
        "name", ["transactions", "materialized_views", "renames_repeated_columns", "changes_rows", "temporary_tables"]
    )
    def test_a_capability_is_as_claimed(self, session: Session, name: str) -> None:
        claim = getattr(session.capabilities, name)
        expect(claim, f"the capability {name!r}", lambda: getattr(self, f"_has_{name}")(session))

    def _has_transactions(self, session: Session) -> None:
        relation = self.publish(session, "t", "select 1 as a")
        with suppress(ZeroDivisionError), session.turn(), session.publisher.stage(relation, "table") as stage:
            columns, _ = stage.write("select 2 as a")
            stage.publish(Seal("cd", columns))
            raise ZeroDivisionError
        assert session.fetch(session.spelling.select_all(relation)) == [(1,)]

    def _has_materialized_views(self, session: Session) -> None:
        table = self.publish(session, "t", "select 1 as a")
        stored = self.publish(session, "m", session.spelling.select_all(table), "materialized_view")
        self.publish(session, "t", "select 2 as a")
        assert session.fetch(session.spelling.select_all(stored)) == [(1,)]

    def _has_renames_repeated_columns(self, session: Session) -> None:
        relation = session.relation("t")
        session.execute(session.spelling.create_as(relation, "table", "select 1 as a, 2 as a", replaces=False))

    def _has_changes_rows(self, session: Session) -> None:
        relation, spelling = self.publish(session, "t", "select 1 as a union all select 2"), session.spelling
        session.execute(spelling.update(relation, {spelling.quoted("a"): "3"}, f"{spelling.quoted('a')} = 1"))
        session.execute(spelling.delete(relation, f"{spelling.quoted('a')} = 2"))
        assert session.fetch(spelling.select_all(relation)) == [(3,)]

    def _has_temporary_tables(self, session: Session) -> None:
        with session.turn():
            session.execute(session.spelling.create_temporary("_ff_mine", "select 1 as a"))
            place = session.temporary("_ff_mine").sql(session.spelling)
            assert session.fetch(f"select a from {place}") == [(1,)]
            other = session.for_thread()
            with pytest.raises(StatementError):
                other.fetch(f"select a from {place}")
            other.close()


def plain_frame() -> pa.Table:
    """Return a frame of the types that every engine is expected to keep."""
    import pyarrow as pa

    return pa.table(
        {
            "i": pa.array([1, None, -(2**53)], pa.int64()),
            "f": pa.array([1.5, None, -2.0], pa.float64()),
            "s": pa.array(['a"b\n,', None, ""], pa.string()),
            "b": pa.array([True, None, False], pa.bool_()),
            "d": pa.array([0, None, 19000], pa.date32()),
            "t": pa.array([1, None, 10**15], pa.timestamp("us")),
        }
    )
