"""Sessions are a function of the events that are kept: any order, any batches, any repetition give the same table."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from events import BEGIN, MEASURES, Event, Place, frame
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps import examples

from fft_core.engines.protocol import Session
from fft_core.errors import BusyError, StreamError
from fft_core.streaming import FileTailSource
from fft_core.streaming.source import PARTITION
from fft_core.streaming.state import read_state, write_state

ENGINES = ("duckdb", "postgres")


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, engines: dict[str, Session]) -> Place:
    return Place.new(engines[request.param])


def a_b(*minutes: float, user: str = "a") -> list[Event]:
    return [Event(user, minute, f"{user}{minute}", f"page{minute}", minute / 7) for minute in minutes]


CASES: dict[str, list[list[Event]]] = {
    "in order": [a_b(0, 10, 20), a_b(60, 70)],
    "shuffled": [a_b(70, 0), a_b(20, 60, 10)],
    "exactly the gap": [a_b(0, 30), a_b(60.01, 90.02)],
    "one event": [a_b(5)],
    "two keys interleaved": [a_b(0, 40) + a_b(10, 50, user="b"), a_b(20) + a_b(30, user="b")],
    "late inside a closed session": [a_b(0, 20), a_b(100), a_b(10)],
    "late and bridges two": [a_b(0, 50), a_b(200), a_b(25)],
    "late and bridges two with others": [a_b(0, 100), a_b(500), a_b(25, 50, 75)],
    "before the first": [a_b(100), a_b(80), a_b(0)],
    "given twice": [a_b(0, 10), a_b(0, 10), a_b(10, 10)],
    "equal times": [[Event("a", 0, "2", "y"), Event("a", 0, "1", "x")], [Event("a", 0, "3", "z")]],
    "long before and now": [a_b(0), a_b(500_000), a_b(10, 500_010)],
}


@pytest.mark.parametrize("case", CASES)
def test_case(place: Place, case: str) -> None:
    batches = CASES[case]
    place.give(*batches)
    assert place.sessions() == place.expected([event for batch in batches for event in batch])


def test_local_times_of_a_change_of_the_clock_are_points_in_time(place: Place) -> None:
    times = ["2026-10-25T02:50:00+02:00", "2026-10-25T02:10:00+01:00", "2026-10-25T03:00:00+01:00"]
    texts = pa.table(
        {"user_id": ["a"] * 3, "ts": times, "event_id": ["1", "2", "3"], "page": ["p"] * 3, "amount": [1.0] * 3}
    )
    place.sessionizer().process_batch(texts)
    assert [row[1:4] for row in place.sessions()] == [
        (datetime(2026, 10, 25, 0, 50), datetime(2026, 10, 25, 1, 10), 2),
        (datetime(2026, 10, 25, 2, 0), datetime(2026, 10, 25, 2, 0), 1),
    ]


def test_an_event_of_the_future_moves_nothing(place: Place) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    far = (now + timedelta(days=4000) - BEGIN).total_seconds() / 60
    given = place.give([*a_b(0, 10), Event("a", far, "far")], max_ahead=timedelta(hours=1))
    assert given[0].dead == 1
    assert given[0].watermark == BEGIN + timedelta(minutes=10)
    ((said,),) = place.rows("__dead", "_ff_error")
    assert "is in the future" in said


def test_a_silent_partition_holds_the_watermark(place: Place) -> None:
    rows = frame([*a_b(0, 500), *a_b(10, user="b")]).append_column(PARTITION, pa.array(["t/0", "t/0", "t/1"]))
    result = place.sessionizer().process_batch(rows)
    assert result.watermark == BEGIN + timedelta(minutes=10)
    later = frame(a_b(600, user="b")).append_column(PARTITION, pa.array(["t/1"]))
    assert place.sessionizer().process_batch(later).watermark == BEGIN + timedelta(minutes=500)
    assert {(row[0], row[3], row[8]) for row in place.sessions()} == {
        ("a", 1, True),
        ("a", 1, False),
        ("b", 1, True),
        ("b", 1, False),
    }


def test_late_events_are_kept_apart(place: Place) -> None:
    results = place.give(a_b(0, 100), a_b(39.9, 40), allowed_lateness=timedelta(hours=1))
    assert [(r.events, r.late) for r in results] == [(2, 0), (1, 1)]
    assert place.rows("__late", "user_id, ts, amount") == [("a", BEGIN + timedelta(minutes=39.9), 39.9 / 7)]
    assert place.sessions() == place.expected(a_b(0, 40, 100))


def test_a_batch_is_late_as_its_events_would_be_one_by_one(place: Place, engines: dict[str, Session]) -> None:
    events = a_b(0, 100, 10, 90, 300, 20)
    place.give(events, allowed_lateness=timedelta(hours=1))
    other = Place.new(place.engine)
    other.give(*[[event] for event in events], allowed_lateness=timedelta(hours=1))
    assert place.sessions() == other.sessions()
    assert sorted(place.rows("__late", "ts")) == sorted(other.rows("__late", "ts"))


def test_the_id_of_a_session_is_that_of_its_first_event(place: Place) -> None:
    place.give(a_b(0, 10), a_b(20))
    other = Place.new(place.engine)
    other.give(a_b(20, 10, 0))
    assert place.rows(columns="session_id") == other.rows(columns="session_id")


def test_bad_records_are_kept_with_why(place: Place) -> None:
    rows: list[dict[str, Any]] = [
        {"user_id": None, "ts": "2026-01-01", "event_id": "1", "page": "p", "amount": 1.0},
        {"user_id": "a", "ts": "yesterday", "event_id": "2", "page": "p", "amount": 1.0},
        {"user_id": "a", "ts": None, "event_id": "3", "page": "p", "amount": 1.0},
        {"user_id": "a", "ts": "2026-01-01", "event_id": "4", "page": "p", "amount": 1.0},
    ]
    result = place.sessionizer().process_batch(pa.Table.from_pylist(rows))
    assert (result.events, result.dead) == (1, 3)
    assert sorted(place.rows("__dead", "_ff_error")) == [
        ("it has no 'ts'",),
        ("it has no 'user_id'",),
        ("its 'ts' is not a time: 'yesterday'",),
    ]


def test_too_many_bad_records_keep_nothing(place: Place) -> None:
    bad = pa.table(
        {
            "user_id": ["a", None],
            "ts": ["2026-01-01"] * 2,
            "event_id": ["1", "2"],
            "page": ["p"] * 2,
            "amount": [1.0] * 2,
        }
    )
    with pytest.raises(StreamError, match=r"1 of 2 records are bad, more than the allowed share of 0\.1"):
        place.sessionizer(max_dead_share=0.1).process_batch(bad)
    assert place.sessions() == []
    assert place.rows("__dead") == []


def test_a_wrong_measure_is_explained(place: Place) -> None:
    with pytest.raises(StreamError, match="no event has a column 'amuont'"):
        place.give(a_b(0), measures={"revenue": "sum(amuont)"})
    with pytest.raises(StreamError, match="it is not an aggregate"):
        place.give(a_b(0), measures={"revenue": "amount"})
    with pytest.raises(StreamError, match="a measure is called 'events'"):
        place.give(a_b(0), measures={"events": "count(*)"})


def test_a_key_that_sessions_have_as_a_column(place: Place) -> None:
    rows = pa.table({"events": ["a"], "ts": ["2026-01-01"]})
    with pytest.raises(StreamError, match="the key 'events' has the name of a column that sessions have"):
        place.sessionizer(key="events", event_id=None, measures={}).process_batch(rows)


def test_whole_numbers_become_floating_point_in_any_order(place: Place) -> None:
    def rows(amounts: Sequence[Any], first: int) -> pa.Table:
        times = [BEGIN + timedelta(minutes=first + i) for i in range(len(amounts))]
        ids = [f"{first + i}" for i in range(len(amounts))]
        return pa.table({"user_id": ["a"] * len(ids), "ts": times, "event_id": ids, "amount": amounts})

    sessionizer = place.sessionizer(measures={"revenue": "sum(amount)"}, columns={"amount": "double"})
    sessionizer.process_batch(rows([1, 2], 0))
    sessionizer.process_batch(rows([0.5], 2))
    sessionizer.process_batch(rows(["text"], 3))
    assert place.rows(columns="events, revenue") == [(3, 3.5)]
    assert [row[0] for row in place.rows("__dead", "_ff_error")] == ["its 'amount' is not of type double: 'text'"]


@pytest.mark.parametrize("first", ["whole", "floating"])
def test_sessions_have_floating_point_too_once_events_have(place: Place, first: str) -> None:
    batches = [[Event("a", 0, "1", "p", 1), Event("b", 0, "2", "p", 4)], [Event("a", 1, "3", "p", 0.75)]]
    sessionizer = place.sessionizer(measures={"revenue": "sum(amount)", "said": "max(cast(amount as varchar))"})
    for batch in batches if first == "whole" else reversed(batches):
        whole = all(event.amount == int(event.amount) for event in batch)
        amounts = pa.array([event.amount for event in batch]).cast(pa.int64() if whole else pa.float64())
        sessionizer.process_batch(frame(batch).drop_columns(["amount"]).append_column("amount", amounts))
    found = place.rows(columns="user_id, events, revenue, said")
    texts = ("1.0", "4.0") if place.engine.name == "duckdb" else ("1", "4")
    assert sorted(found) == [("a", 2, 1.75, texts[0]), ("b", 1, 4.0, texts[1])]


def test_a_view_that_keeps_the_type_of_a_column_is_told(engines: dict[str, Session]) -> None:
    place = Place.new(engines["postgres"])
    sessionizer = place.sessionizer(measures={"revenue": "sum(amount)", "highest": "max(amount)"})
    rows = frame(a_b(0, 1)).drop_columns(["amount"])
    sessionizer.process_batch(rows[:1].append_column("amount", pa.array([1])))
    table = place.engine.relation(place.name).sql(place.engine.spelling)
    place.engine.execute(f"create view {place.name}_v as select * from {table}")
    half = rows[1:].append_column("amount", pa.array([0.5]))
    with pytest.raises(StreamError, match=r"the columns revenue, highest must change"):
        sessionizer.process_batch(half)
    place.engine.execute(f"drop view {place.name}_v")
    sessionizer.process_batch(half)
    assert place.rows(columns="revenue, highest") == [(1.5, 1.0)]


def test_a_misspelled_time_is_refused_and_keeps_nothing(place: Place) -> None:
    with pytest.raises(StreamError, match="no event has the event_time 'tss'") as raised:
        place.give(a_b(0), event_time="tss")
    assert raised.value.problem.hint == "Did you mean 'ts'?"
    place.give(a_b(0))
    assert place.sessions() == place.expected(a_b(0))


def test_a_bad_record_of_a_frame_keeps_the_time_that_it_had(place: Place) -> None:
    rows = pa.table({"user_id": ["a"], "ts": [1767225600], "event_id": ["1"], "page": ["p"], "amount": [1.0]})
    place.sessionizer().process_batch(rows)
    ((given,),) = place.rows("__dead", "_ff_bytes")
    assert b'"ts":1767225600' in bytes(given)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"event_time_unit": "min"}, "event_time_unit must be one of s, ms, us, not 'min' [FFT-804]"),
        ({"allowed_lateness": 30}, "allowed_lateness must be a timedelta of 0 or more, not 30 [FFT-804]"),
        ({"max_ahead": timedelta(-1)}, "max_ahead must be a timedelta"),
        ({"max_dead_share": 5}, "max_dead_share must be from 0 to 1, not 5 [FFT-804]"),
    ],
)
def test_a_setting_that_cannot_be(place: Place, setting: dict[str, Any], message: str) -> None:
    with pytest.raises(StreamError, match=re.escape(message)):
        place.sessionizer(**setting)


def test_a_source_in_which_nothing_has_arrived(place: Place, tmp_path: Path) -> None:
    source = FileTailSource("*.jsonl", root=tmp_path)
    assert place.sessionizer().process(source).given == 0
    (tmp_path / "a.jsonl").write_text(
        '{"user_id": "a", "ts": "2026-03-01", "event_id": "1", "page": "", "amount": 1}\n'
    )
    assert place.sessionizer().process(source).events == 1


def test_a_statement_that_fails_is_told_and_the_session_goes_on(place: Place) -> None:
    place.give(a_b(0))
    with pytest.raises(StreamError, match=r"the measure 'added' \(sum\(page\)\): "):
        place.give(a_b(1), measures={**MEASURES, "added": "sum(page)"})
    place.give(a_b(1))
    assert place.sessions() == place.expected(a_b(0, 1))


def test_a_table_of_somebody_else_is_left_alone(place: Place) -> None:
    table = place.engine.relation(place.name).sql(place.engine.spelling)
    place.engine.execute(f"create table {table} as select 1 as i")
    with pytest.raises(StreamError, match="exists and was not written by a stream"):
        place.give(a_b(0))
    assert place.rows() == [(1,)]


def test_a_second_writer_is_refused_and_told_who_writes(place: Place) -> None:
    from dataclasses import replace
    from subprocess import Popen

    from fft_core.streaming.state import Writer, _started

    place.give(a_b(0))
    target, engine = place.engine.relation(place.name), place.engine
    with Popen(["sleep", "60"]) as other:
        try:
            state = read_state(engine, target)
            assert state is not None
            writer = Writer(Writer.me().host, other.pid, _started(other.pid), "fft stream run")
            write_state(engine, target, state, replace(state, holder=writer, epoch=7))
            with pytest.raises(BusyError, match=rf"is written by fft stream run \(pid {other.pid} on "):
                place.give(a_b(10))
        finally:
            other.kill()
    place.give(a_b(10))  # whoever was killed holds nothing
    assert place.sessions() == place.expected(a_b(0, 10))


def test_an_old_state_is_not_written_over_a_new_one(place: Place) -> None:
    place.give(a_b(0))
    target, engine = place.engine.relation(place.name), place.engine
    old = read_state(engine, target)
    assert old is not None
    from dataclasses import replace

    write_state(engine, target, old, replace(old, position={"at": 2}))
    with pytest.raises(BusyError, match="another process wrote to the stream"):
        write_state(engine, target, old, replace(old, position={"at": 1}))
    assert (read_state(engine, target) or old).position == {"at": 2}


EVENTS = st.lists(
    st.builds(
        lambda user, minute, number: Event(user, minute, f"i{number}", f"p{minute}{number}", minute / 3 + number),
        st.sampled_from("ab"),
        st.integers(0, 40).map(lambda n: n * 10),
        st.integers(0, 1),
    ),
    max_size=25,
)


def batched(events: Sequence[Event], random: random.Random) -> list[list[Event]]:
    batches, rest = [], list(events)
    while rest:
        size = random.randint(1, len(rest))
        batches.append(rest[:size])
        rest = rest[size:]
    return batches


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=examples(25, 400))
@given(EVENTS, st.randoms(use_true_random=False))
def test_any_order_and_any_batches(
    engines: dict[str, Session], engine: str, events: list[Event], random: random.Random
) -> None:
    place = Place.new(engines[engine])
    again = [*events, *random.sample(events, len(events) // 3)]
    random.shuffle(again)
    place.give(*batched(again, random))
    assert place.sessions() == place.expected(events)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=examples(10, 150))
@given(EVENTS, st.lists(st.floats(0, 9), min_size=25, max_size=25), st.randoms(use_true_random=False))
def test_events_that_contradict_each_other(
    engines: dict[str, Session], engine: str, events: list[Event], amounts: list[float], random: random.Random
) -> None:
    """Of several with one identity the same one is kept, whichever came first; the others are told."""
    given_ = [event._replace(amount=amount) for event, amount in zip(events, amounts, strict=False)]
    places = [Place.new(engines[engine]) for _ in range(2)]
    for place in places:
        shuffled = random.sample(given_, len(given_))
        place.give(*batched(shuffled, random))
    one, other = places
    assert one.sessions() == other.sessions()
    kept = {tuple(row) for row in one.rows("__events", "user_id, ts, event_id, amount")}
    assert len(kept) == len({(e.user, e.time, e.id) for e in given_})
    lost = {(e.user, e.time, e.id, e.amount) for e in given_} - kept
    assert len(one.rows("__dead")) >= len(lost)


def test_the_frames_of_all_libraries(place: Place) -> None:
    events = a_b(0, 10)
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    sessionizer = place.sessionizer()
    sessionizer.process_batch(frame(events[:1]).to_pandas())
    sessionizer.process_batch(polars.from_arrow(frame(events[1:])))
    assert isinstance(frame(events).to_pandas(), pandas.DataFrame)
    assert place.sessions() == place.expected(events)


def test_measures_are_named() -> None:
    assert set(MEASURES) == {"pageviews", "revenue", "entry", "left_at"}
