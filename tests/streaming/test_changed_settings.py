"""Settings that change on a stream: its sessions are rebuilt from the events kept, or the change is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from events import BEGIN, MEASURES, Event, Place, frame
from targets import Target
from test_stream_models import APPEND, SESSIONS, UPSERT, Shop, click, reset

from fft_core import Request, load_project
from fft_core.build.stream_upkeep import replay_stream, stream_named
from fft_core.engines.protocol import Session
from fft_core.errors import RequestError, StateError, StreamError
from fft_core.streaming import FileTailSource, StreamSessionizer
from fft_core.streaming import retake as retake_module
from fft_core.streaming.state import read_state

ENGINES = ("duckdb", "postgres")


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, engines: dict[str, Session]) -> Place:
    return Place.new(engines[request.param])


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        yield Shop(tmp_path / "shop", profile)


def at(*minutes: float, user: str = "a") -> list[Event]:
    return [Event(user, minute, f"{user}{minute}", f"page{minute}", minute / 7) for minute in minutes]


# --- a StreamSessionizer ----------------------------------------------------------------------------------------------


def test_another_gap_rebuilds_all_sessions(place: Place) -> None:
    place.give(at(0, 25, 60))
    result = place.give(at(200), gap_minutes=20)[0]
    assert place.sessions() == place.expected(at(0, 25, 60, 200), gap_minutes=20)
    assert result.sessions == 4
    assert place.give(at(300), gap_minutes=20)[0].sessions == 1


def test_another_gap_counts_without_new_events_as_well(place: Place, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"u": "a", "t": "2026-01-01T10:00"}\n{"u": "a", "t": "2026-01-01T10:25"}\n')
    source, settings = FileTailSource("a.jsonl", root=tmp_path), {"key": "u", "event_time": "t"}
    place.sessionizer(**settings, event_id=None, measures={}).process(source)
    assert len(place.rows()) == 1
    result = place.sessionizer(**settings, event_id=None, measures={}, gap_minutes=20).process(source)
    assert (result.given, result.sessions, len(place.rows())) == (0, 2, 2)


def test_other_measures_are_made_of_the_events_kept(place: Place) -> None:
    place.give(at(0, 10))
    place.give(at(100), measures={"longest": "max(page)"})
    assert sorted(place.rows(columns="events, longest")) == [(1, "page100"), (2, "page10")]
    stored = place.engine.columns(place.engine.spelling.select_all(place.engine.relation(place.name)))
    assert {"revenue", "entry"}.isdisjoint(column.name for column in stored)
    with pytest.raises(StreamError, match=r"the measure 'wrong' .sum.page.."):
        place.give(at(101), measures={"wrong": "sum(page)"})
    assert sorted(place.rows(columns="events, longest")) == [(1, "page100"), (2, "page10")]


def test_another_key_makes_other_sessions_of_the_events_kept(place: Place) -> None:
    rows = frame([*at(0, 10), *at(5, user="b")]).append_column("device", pa.array(["x", "x", None]))
    place.sessionizer().process_batch(rows)
    more = frame(at(20)).append_column("device", pa.array(["x"]))
    result = place.sessionizer(key="device").process_batch(more)
    assert place.rows(columns="device, events") == [("x", 3)]
    assert (result.events, result.dead) == (1, 1)
    ((said,),) = place.rows("__dead", "_ff_error")
    assert said == "it has no 'device'"


def test_a_key_that_the_events_kept_do_not_have_is_refused(place: Place) -> None:
    place.give(at(0, 10))
    before = place.sessions()
    with pytest.raises(StreamError, match="events that are kept have no column 'device', which is the key now") as told:
        place.give(at(20), key="device")
    assert "They have ts, user_id, event_id, page, amount" in str(told.value)
    assert place.sessions() == before
    with pytest.raises(StreamError, match="no column 'page_id'"):
        place.give(at(20), event_id="page_id")


def test_sessions_without_their_events_are_not_rebuilt(place: Place) -> None:
    place.give(at(0, 10))
    events = place.engine.relation(f"{place.name}__events").sql(place.engine.spelling)
    place.engine.execute(f"drop table {events}")
    with pytest.raises(StreamError, match=r"written with other settings \(gap\), and its events are not kept any more"):
        place.give(at(20), gap_minutes=20)


def test_an_id_that_is_new_leaves_one_event_of_each_identity(place: Place) -> None:
    place.give(at(0, 0, 10), event_id=None)
    assert [row[3] for row in place.sessions()] == [3]
    place.give(at(10, 20))
    assert place.sessions() == place.expected(at(0, 10, 20))


def test_events_are_taken_again_in_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retake_module, "_AT_ONCE", 2)
    place.give(at(0, 0, 10, 20, 100), event_id=None)
    place.give([], event_id="event_id")
    assert place.sessions() == place.expected(at(0, 10, 20, 100))


def test_another_time_moves_the_watermark(place: Place) -> None:
    rows = frame(at(0, 10))
    sent = pa.array(["2020-01-01T10:00:00Z", "2020-01-01T12:00:00+01:00"])
    place.sessionizer().process_batch(rows.append_column("sent", sent))
    result = place.sessionizer(event_time="sent").process_batch(rows[:0])
    assert result.watermark == datetime(2020, 1, 1, 11)
    assert sorted(place.rows(columns="session_start, events, is_closed")) == [
        (datetime(2020, 1, 1, 10), 1, True),
        (datetime(2020, 1, 1, 11), 1, False),
    ]


def test_a_time_that_is_no_time_is_refused_and_one_that_is_one_at_times_is_bad(place: Place) -> None:
    rows = frame(at(0, 10)).append_column("sent", pa.array(["2020-01-01T10:00:00Z", "soon"]))
    place.sessionizer().process_batch(rows)
    before = place.sessions()
    with pytest.raises(StreamError, match=r"none of the 2 events that are kept .* its 'page' is not a time: 'page0'"):
        place.sessionizer(event_time="page").process_batch(rows[:0])
    with pytest.raises(StreamError, match="no column 'when', which is the event_time now"):
        place.sessionizer(event_time="when").process_batch(rows[:0])
    with pytest.raises(StreamError, match=r"1 of 2 records are bad, more than the allowed share of 0.2"):
        place.sessionizer(event_time="sent", max_dead_share=0.2).process_batch(rows[:0])
    assert place.sessions() == before
    assert place.sessionizer(event_time="sent").process_batch(rows[:0]).dead == 1
    assert place.rows(columns="session_start, events") == [(datetime(2020, 1, 1, 10), 1)]
    ((said,),) = place.rows("__dead", "_ff_error")
    assert said == "its 'sent' is not a time: 'soon'"


def test_a_target_of_an_older_version_is_adopted(place: Place) -> None:
    place.give(at(0, 25))
    table = place.engine.relation("_ff_stream").sql(place.engine.spelling)
    place.engine.execute(f"alter table {table} drop column settings")
    state = read_state(place.engine, place.engine.relation(place.name))
    assert state is not None
    assert state.settings is None
    place.give(at(40))
    assert place.sessions() == place.expected(at(0, 25, 40))
    place.give(at(50), gap_minutes=20)
    assert place.sessions() == place.expected(at(0, 25, 40, 50), gap_minutes=20)


def test_settings_that_somebody_changed_are_told(place: Place) -> None:
    place.give(at(0))
    table = place.engine.relation("_ff_stream").sql(place.engine.spelling)
    where = f"relation = {place.engine.spelling.literal(str(place.engine.relation(place.name)))}"
    place.engine.execute(f"update {table} set settings = '[]' where {where}")
    with pytest.raises(StateError, match=r"the position of .* cannot be read"):
        place.give(at(1))
    place.engine.execute(f"delete from {table} where {where}")


def test_wrong_settings_are_refused_at_once(place: Place) -> None:
    with pytest.raises(StreamError, match="columns: amount: 'doubble' is not a type"):
        place.sessionizer(columns={"amount": "doubble"})
    with pytest.raises(StreamError, match=r"the measure 'n' .count.... drop table x.: .* not several statements"):
        place.sessionizer(measures={"n": "count(*); drop table x"})
    with pytest.raises(StreamError, match="gap_minutes must be more than 0 and less than"):
        place.sessionizer(gap_minutes=float("inf"))
    with pytest.raises(StreamError, match="limit must be 1 or more, not 0"):
        place.sessionizer().process(FileTailSource("none.jsonl"), limit=0)


def test_no_event_yet_is_no_error_in_python(place: Place) -> None:
    result = place.sessionizer().process_batch(frame([]))
    assert (result.given, result.events, result.sessions) == (0, 0, 0)
    bad = frame(at(0)).set_column(0, "user_id", pa.array([None], pa.string()))
    assert place.sessionizer().process_batch(bad).dead == 1
    assert place.rows("__dead", "_ff_error") == [("it has no 'user_id'",)]
    place.give(at(0))
    assert place.sessions() == place.expected(at(0))


# --- a model ----------------------------------------------------------------------------------------------------------


def gap(text: str) -> str:
    return SESSIONS.replace("30 minutes", text)


def sessionizer(shop: Shop, run: Any, minutes: float) -> StreamSessionizer:
    warehouse = run.sessions.of_thread()
    return StreamSessionizer(
        warehouse, "visits", key="user_id", event_time="ts", event_id="id", gap_minutes=minutes,
        measures={"clicks": "count(*)", "revenue": "sum(amount)"},
        columns={"user_id": "string", "id": "string", "amount": "double"},
    )  # fmt: skip


def test_a_model_and_a_sessionizer_of_other_settings_do_not_mix(shop: Shop) -> None:
    shop.click(click(0), click(25))
    shop.build()
    with shop.run() as run:
        assert sessionizer(shop, run, 30).process_batch(pa.Table.from_pylist([click(5)])).sessions == 1
        assert sessionizer(shop, run, 20).process_batch(pa.Table.from_pylist([click(60)])).sessions == 2
        sessionizer(shop, run, 20).close()
    shop.build()
    assert shop.rows() == [("a", 2, 4)]
    assert [row[3] for row in shop.visits()] == [3, 1]


def test_a_changed_type_is_a_changed_model(shop: Shop) -> None:
    shop.click(click(0, size="10"), click(10, size="much"), click(20, size="20.0"))
    sizes = SESSIONS.replace("sum(amount)", "max(size)")
    shop.write({"models/visits.ff.yml": sizes})
    shop.build()
    shop.write({"models/visits.ff.yml": sizes.replace("double", "double, size: double")})
    assert "its config changed: columns; its sessions are rebuilt from the events kept" in shop.reasons()
    shop.build()
    assert shop.rows("events, revenue", "visits") == [(2, 20.0)]
    assert shop.rows("_ff_error", "visits__dead") == [("its 'size' is not of type double: 'much'",)]
    shop.write({"models/visits.ff.yml": sizes.replace("double", "double, size: string")})
    shop.build()
    assert shop.rows("events, revenue", "visits") == [(2, "20")]


def test_a_record_without_declared_types_is_as_it_was(shop: Shop) -> None:
    """Records of the version before have the types in the digest of the code only."""
    shop.click(click(0))
    shop.build()
    with shop.run() as run:
        engine = run.sessions.of_thread().engine
        table = engine.relation("_ff_meta").sql(engine.spelling)
        ((parts,),) = engine.fetch(f"select parts from {table} where node_name = 'visits'")
        older = parts.replace(parts[parts.index('"columns":') : parts.index('"event_id"')], "")
        engine.execute(f"update {table} set parts = {engine.spelling.literal(older)} where node_name = 'visits'")
    assert shop.reasons() == "always built: it uses what has arrived in files clicks/*.jsonl"


def test_another_time_of_a_model(shop: Shop) -> None:
    shop.click(click(0, page="/"), click(10, page="/"))
    shop.build()
    before = shop.visits()
    for column, said in (("page", "its 'page' is not a time: '/'"), ("when", "have no column 'when'")):
        shop.write({"models/visits.ff.yml": SESSIONS.replace("event_time: ts", f"event_time: {column}")})
        with pytest.raises(StreamError, match=rf"models/visits.ff.yml:5: stream 'visits': .*{said}"):
            shop.build()
        assert shop.visits() == before
    shop.write({"models/visits.ff.yml": SESSIONS.replace("event_time: ts", "event_time: page")})
    reset(shop, "earliest")
    shop.click(click(20, page="2026-01-01T00:00:00Z"))
    shop.build()
    assert [row[3] for row in shop.visits()] == [1]
    assert len(shop.rows("_ff_error", "visits__dead")) == 2


def test_another_key_of_a_model_takes_the_events_again(shop: Shop) -> None:
    shop.click(click(0, device="x"), click(10, "b", device="x"), click(20, "c"))
    shop.build()
    (shop.root / "clicks/a.jsonl").unlink()
    shop.write({"models/visits.ff.yml": SESSIONS.replace("key: user_id", "key: device")})
    shop.write({"models/mart.ff.sql": "select sum(events) as n from {{ ref('visits') }}"})
    assert shop.build()["visits"].changes["dead"] == 1
    assert shop.rows("device, events", "visits") == [("x", 2)]


def test_sessions_that_become_a_table_and_sessions_again(shop: Shop) -> None:
    shop.write({"models/mart.ff.sql": "select 1 as n from {{ ref('visits') }}"})
    shop.click(click(0), click(10), {"no": "event"})
    shop.build()
    shop.write({"models/visits.ff.yml": APPEND})
    shop.build()
    assert shop.rows("coalesce(id, ''), amount", "visits") == [("", None), ("a0", 1.5), ("a10", 1.5)]
    shop.write({"models/visits.ff.yml": SESSIONS})
    shop.build()
    assert shop.rows("events, revenue", "visits") == [(2, 3.0)]
    assert len(shop.rows("id", "visits__events")) == 2
    assert len(shop.rows("_ff_error", "visits__dead")) == 1


def test_a_changed_type_of_a_table_converts_its_rows_or_is_refused(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": UPSERT, "models/mart.ff.sql": "select 1 as n"})
    shop.click(click(0, size=10), click(0, "b", size=20))
    shop.build()
    shop.write({"models/visits.ff.yml": UPSERT + "    columns: {size: string}\n"})
    assert "its config changed: columns; existing rows stay, and their columns get the declared types" in shop.reasons()
    shop.build()
    assert shop.rows("size", "visits") == [("10",), ("20",)]
    shop.click(click(10, size="large"))
    shop.build()
    shop.write({"models/visits.ff.yml": UPSERT + "    columns: {size: integer}\n"})
    with pytest.raises(StreamError, match=r"models/visits.ff.yml:6: .*'size' is .*, and is declared as") as told:
        shop.build()
    assert "--full-refresh" in str(told.value)
    assert shop.rows("size", "visits") == [("20",), ("large",)]
    shop.build(Request(full_refresh=("visits",)))
    assert shop.rows("size", "visits") == [(10,), (20,)]
    assert len(shop.rows("_ff_error", "visits__dead")) == 1


# --- a reset that has not read all again ------------------------------------------------------------------------------


def read_one_batch(shop: Shop) -> None:
    from fft_core.run.turn import build_or_reuse

    with shop.run() as run:
        build_or_reuse(run.sessions.of_thread(), run.rebuilder, run.project.node("visits"), drains=False)


@pytest.fixture
def half_read(shop: Shop) -> Shop:
    """A stream of five clicks in three sessions that is read again after a reset, of which two clicks were read."""
    shop.write({"models/visits.ff.yml": SESSIONS + "    batch_rows: 2\n"})
    shop.click(*(click(minute) for minute in (0, 10, 100, 110, 200)))
    shop.build()
    reset(shop, "earliest")
    read_one_batch(shop)
    assert len(shop.rows("id", "visits__events")) == 2
    return shop


def test_a_replay_during_a_reset_is_refused(half_read: Shop) -> None:
    with (
        half_read.run() as run,
        pytest.raises(RequestError, match="visits is being read again after a reset") as told,
    ):
        replay_stream(run.sessions.of_thread(), stream_named(run.project, "visits"))
    assert "fft stream run visits" in str(told.value)
    half_read.build()
    with half_read.run() as run:
        assert replay_stream(run.sessions.of_thread(), stream_named(run.project, "visits")).is_equal


def test_a_full_refresh_during_a_reset_leaves_the_sessions_until_all_is_read(half_read: Shop) -> None:
    before = half_read.visits()
    with half_read.run(Request(full_refresh=("visits",))) as run:
        from fft_core.run.turn import build_or_reuse

        build_or_reuse(run.sessions.of_thread(), run.rebuilder, run.project.node("visits"), drains=False)
    assert half_read.visits() == before
    half_read.build()
    assert half_read.visits() == before


def test_another_gap_during_a_reset(half_read: Shop) -> None:
    before = half_read.visits()
    half_read.write({"models/visits.ff.yml": gap("2 hours") + "    batch_rows: 2\n"})
    read_one_batch(half_read)
    assert half_read.visits() == before
    half_read.build()
    assert [row[3] for row in half_read.visits()] == [5]


def test_another_key_during_a_reset(half_read: Shop) -> None:
    half_read.write({"models/visits.ff.yml": SESSIONS.replace("key: user_id", "key: id") + "    batch_rows: 2\n"})
    half_read.write({"models/mart.ff.sql": "select sum(events) as n from {{ ref('visits') }}"})
    half_read.build()
    assert len(half_read.rows("id", "visits")) == 5


def test_a_reset_to_the_end_during_a_reset_makes_the_sessions_of_the_events_kept(half_read: Shop) -> None:
    reset(half_read, "latest")
    half_read.build()
    assert [row[3] for row in half_read.visits()] == [2]


def test_a_sessionizer_during_a_reset_is_refused(half_read: Shop) -> None:
    with half_read.run() as run, pytest.raises(StreamError, match="is being read again after a reset"):
        sessionizer(half_read, run, 30).process_batch(pa.Table.from_pylist([click(5)]))


def test_a_replay_of_another_key_is_refused_until_it_is_built(shop: Shop) -> None:
    shop.click(click(0, sent="2026-01-01"))
    shop.build()
    shop.write({"models/visits.ff.yml": SESSIONS.replace("event_time: ts", "event_time: sent")})
    project = load_project(shop.root, "dev", environment={})
    with shop.run() as run, pytest.raises(RequestError, match=r"settings of visits have changed since .*: event_time"):
        replay_stream(run.sessions.of_thread(), stream_named(project, "visits"))


def test_times_are_of_the_events(place: Place) -> None:
    place.give(at(0), max_ahead=timedelta(days=1))
    place.give([Event("a", 10, "x")], measures=MEASURES, max_ahead=timedelta(days=1))
    assert place.rows(columns="session_start") == [(BEGIN,)]
