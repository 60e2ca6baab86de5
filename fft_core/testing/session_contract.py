"""The levels of the contract that need a session: reads, concurrent, frames; and the capabilities."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from fft_core.engine_check.capabilities import CHECKS
from fft_core.engine_check.digests import other_rows_have_other_digests
from fft_core.engine_check.outcomes import NotClaimedError
from fft_core.engine_check.readers import other_columns, other_kinds, same_columns
from fft_core.engine_check.relation_names import columns_keep_their_names, names_are_folded
from fft_core.engine_check.running import interrupt
from fft_core.engine_check.values import frames_come_back, plain_frame, texts_come_back
from fft_core.engines.protocol import Seal, Session, Want
from fft_core.errors import EngineError, StatementError
from fft_core.testing.claims import expect, level
from fft_core.testing.on_an_engine import OnAnEngine
from fft_core.testing.shop import Shop


class ReadsContract(OnAnEngine):
    """Tests of queries, columns, names and values."""

    @level("reads")
    def test_texts_come_back_as_they_are(self, session: Session) -> None:
        texts_come_back(session)

    @level("reads")
    def test_the_columns_of_a_query_are_told_without_running_it(self, session: Session) -> None:
        columns_keep_their_names(session)

    @level("reads")
    def test_names_are_folded_as_declared(self, session: Session) -> None:
        names_are_folded(session)

    @level("reads")
    def test_other_rows_have_other_digests(self, session: Session) -> None:
        try:
            other_rows_have_other_digests(session)
        except NotClaimedError as error:
            pytest.skip(str(error))

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
        same_columns(session)

    def test_a_reader_sees_one_of_two_kinds_or_columns(self, session: Session) -> None:
        for claim, check in (
            (session.capabilities.replaces_atomically, other_columns),
            (session.capabilities.replaces_kinds, other_kinds),
        ):
            if claim:
                check(session)

    @level("concurrent")
    def test_a_running_statement_is_interrupted(self, session: Session) -> None:
        for seconds in (0, 0.05, 0.2):  # a statement that has not begun is only interrupted by a later call
            assert interrupt(session, self.slow_query, seconds) is not None

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
        frames_come_back(session)

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
        expect(claim, f"the capability {name!r}", lambda: CHECKS[name](session))
