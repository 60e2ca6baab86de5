"""Records that no table can store, and times at the ends of the calendar: the other events of a batch are kept."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from events import BEGIN, Event, Place, frame

from fft_core.engines.protocol import Session
from fft_core.errors import StreamError
from fft_core.streaming import FileTailSource

ENGINES = ("duckdb", "postgres")


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, engines: dict[str, Session]) -> Place:
    return Place.new(engines[request.param])


def click(id: str, **more: object) -> dict[str, object]:
    return {"user_id": "a", "ts": "2026-05-01T10:00:00Z", "event_id": id, "amount": 1.5, **more}


class Lines:
    """A stream of sessions from a file, in batches of some lines."""

    def __init__(self, place: Place, folder: Path, **more: Any) -> None:
        self.place, self._file = place, folder / "clicks.jsonl"
        given = {"measures": {"revenue": "sum(amount)"}, **more}
        self._sessionizer = place.sessionizer(**given)

    def read(self, *clicks: dict[str, object] | bytes, batch: int = 100) -> list[str]:
        """Read lines; return the ids of the events that are kept."""
        lines = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in clicks]
        with self._file.open("ab") as file:
            file.writelines(line + b"\n" for line in lines)
        source = FileTailSource(self._file)
        while self._sessionizer.process(source, limit=batch).given:
            pass
        return sorted(str(one) for (one,) in self.place.rows("__events", "event_id"))

    def errors(self) -> list[str]:
        return [error for (error,) in self.place.rows("__dead", "_ff_error")]


# --- names of columns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize("at", [0, 1])
def test_a_name_in_another_case_is_the_same_column_in_any_order(
    place: Place, tmp_path: Path, at: int, batch: int
) -> None:
    clicks = [click("1", Page="x"), click("2", page="y")]
    assert Lines(place, tmp_path).read(clicks[at], clicks[1 - at], batch=batch) == ["1", "2"]
    (page,) = (
        name for name in place.engine.columns(f"select * from {place.name}__events") if name.name.lower() == "page"
    )
    assert [value for (value,) in place.rows("__events", f'"{page.name}"')] in (["x", "y"], ["y", "x"])


@pytest.mark.parametrize("batch", [1, 100])
def test_a_record_with_a_name_in_two_cases_is_bad_and_no_other_is(place: Place, tmp_path: Path, batch: int) -> None:
    lines = Lines(place, tmp_path)
    assert lines.read(click("1"), click("2", USER_ID="b"), click("3"), batch=batch) == ["1", "3"]
    assert lines.errors() == ["it has 'user_id' and 'USER_ID', which are one column"]
    assert place.rows(columns="user_id, events, revenue") == [("a", 2, 3.0)]


def test_only_records_with_a_name_in_two_cases(place: Place, tmp_path: Path) -> None:
    lines = Lines(place, tmp_path)
    assert lines.read(click("1"), batch=1) == lines.read(click("2", Amount=2), batch=1) == ["1"]


def test_values_of_several_types_under_one_name_in_two_cases(place: Place, tmp_path: Path) -> None:
    lines = Lines(place, tmp_path)
    without = {name: value for name, value in click("2").items() if name != "amount"}
    kept = lines.read(click("1", amount=1), {**without, "AMOUNT": 2.5}, {**without, "event_id": "3", "Amount": "many"})
    assert kept == ["1", "2"]
    assert place.rows(columns="revenue") == [(3.5,)]
    assert lines.errors() == ["its 'amount' is not of type double: 'many'"]


@pytest.mark.parametrize(
    "name", ["_ff_rank", "_ff_is_first", "_ff_first", "_FF_Offset", "_ff_received_at", "a\0b", "\ud800"]
)
def test_a_record_with_a_column_that_cannot_be_stored_is_bad_and_no_other_is(
    place: Place, tmp_path: Path, name: str
) -> None:
    lines = Lines(place, tmp_path)
    assert lines.read(click("1"), click("2", **{name: 5}), click("3"), click("3")) == ["1", "3"]
    assert lines.errors() == [f"it has a column {name!r}, which cannot be stored"]
    assert place.rows(columns="user_id, events, revenue") == [("a", 2, 3.0)]


def test_a_frame_with_a_column_of_ours_has_no_events(place: Place) -> None:
    result = place.sessionizer().process_batch(frame([Event("a", 0, "1")]).append_column("_ff_rank", pa.array([2])))
    assert (result.events, result.dead) == (0, 1)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("key", "_ff_user"),
        ("event_time", "_FF_time"),
        ("event_id", "_ff_id"),
        ("measures", {"_ff_number": "count(*)"}),
        ("columns", {"_ff_offset": "integer"}),
    ],
)
def test_a_setting_with_a_name_of_ours(place: Place, setting: str, value: Any) -> None:
    with pytest.raises(StreamError, match=f"{setting}: '_(ff|FF)_.*' begins with _ff_"):
        place.sessionizer(**{setting: value})


@pytest.mark.parametrize(("column", "value"), [("_ff_partition", None), ("_ff_offset", "x"), ("_ff_offset", 1.5)])
def test_a_frame_whose_places_have_other_types(place: Place, column: str, value: object) -> None:
    given = frame([Event("a", 0, "1")]).append_column(column, pa.array([value]))
    with pytest.raises(StreamError, match=f"the column '{column}' must be"):
        place.sessionizer().process_batch(given)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"gap_minutes": "30"}, "gap_minutes must be more than 0"),
        ({"gap_minutes": None}, "gap_minutes must be more than 0"),
        ({"key": 5}, "sessions need a key"),
        ({"key": ["a", None]}, "sessions need a key"),
    ],
)
def test_a_setting_of_another_type(place: Place, setting: dict[str, Any], said: str) -> None:
    with pytest.raises(StreamError, match=said):
        place.sessionizer(**setting)


# --- times ------------------------------------------------------------------------------------------------------------


def test_the_first_and_the_last_times_of_the_calendar_are_events(place: Place, tmp_path: Path) -> None:
    lines = Lines(place, tmp_path)
    times = ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:40:00Z")
    assert lines.read(*(click(str(i), ts=time) for i, time in enumerate(times)), click("9")) == ["0", "1", "2", "9"]
    lines.read(click("3", ts="9999-12-31T23:59:58Z"))
    sessions = sorted(place.rows(columns="session_start, session_end, events"))
    assert sessions == [
        (datetime(1, 1, 1), datetime(1, 1, 1), 1),
        (datetime(2026, 5, 1, 10), datetime(2026, 5, 1, 10), 1),
        (datetime(9999, 12, 31, 23, 40), datetime(9999, 12, 31, 23, 59, 59), 3),
    ]


@pytest.mark.parametrize("limit", [timedelta(days=1), timedelta.max])
def test_limits_beyond_the_calendar(place: Place, limit: timedelta) -> None:
    events = frame([Event("a", 0, "1"), Event("a", 1, "2")])
    times = pa.array([datetime(1, 1, 1), BEGIN], pa.timestamp("us"))
    given = events.set_column(events.column_names.index("ts"), "ts", times)
    result = place.sessionizer(allowed_lateness=limit, max_ahead=timedelta.max).process_batch(given)
    assert (result.events, result.late, result.dead) == (2, 0, 0)


def test_numbers_in_texts_are_times_of_the_unit(place: Place, tmp_path: Path) -> None:
    lines = Lines(place, tmp_path, event_time_unit="ms")
    clicks = (click("1", ts="1714557600000"), click("2", ts=1714557601000), click("3", ts="2024-05-01"))
    assert lines.read(*clicks) == ["1", "2", "3"]
    sessions = sorted(place.rows(columns="session_start, events"))
    assert sessions == [(datetime(2024, 5, 1), 1), (datetime(2024, 5, 1, 10), 2)]


def test_the_mark_of_a_text_file_is_not_a_part_of_its_first_line(place: Place, tmp_path: Path) -> None:
    assert Lines(place, tmp_path).read(b"\xef\xbb\xbf" + json.dumps(click("1")).encode()) == ["1"]


# --- measures ---------------------------------------------------------------------------------------------------------

PAGES = [Event("a", minute / 10, f"{minute}", str(minute * 7919 % 97), minute / 7) for minute in range(60)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bool_or(amount > 2)", True),
        ("bool_and(amount > 2)", False),
        ("first(page) filter (where amount > 1)", str(8 * 7919 % 97)),
        ("last(page) filter (where amount < 1)", str(6 * 7919 % 97)),
        ("array_agg(distinct page)", sorted({one.page for one in PAGES})),
        ("string_agg(distinct page, ',')", ",".join(sorted({one.page for one in PAGES}))),
    ],
)
def test_a_measure_is_the_same_in_any_order(place: Place, text: str, expected: object) -> None:
    sessionizer = place.sessionizer(measures={"found": text})
    for part in (PAGES[40:], PAGES[20:40][::-1], PAGES[:20]):
        sessionizer.process_batch(frame(part))
    assert place.rows(columns="found") == [(expected,)]
