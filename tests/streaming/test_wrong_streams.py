"""Wrong settings of a stream are errors with their lines: when the project is loaded, or in the first build."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fft_process import FFT, start_process
from run_helpers import clean_environment
from targets import Target
from test_stream_command import fft
from test_stream_models import APPEND, SESSIONS, UPSERT, Shop, click

from fft_core import ProjectError, load_project
from fft_core.errors import NothingArrivedError, StreamError

MEASURE = "measures: {clicks: count(*), revenue: sum(amount)}"


def with_measure(text: str) -> str:
    return SESSIONS.replace(MEASURE, f"measures:\n      clicks: count(*)\n      other: {text}")


def with_type(text: str) -> str:
    return SESSIONS.replace("columns: {user_id: string, id: string, amount: double}", f"columns:\n      size: {text}")


def with_source(options: str) -> str:
    return SESSIONS.replace("path: clicks/*.jsonl", options)


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        yield Shop(tmp_path / "shop", profile)


# --- when it is loaded ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "line", "said"),
    [
        (with_measure("sum(amount"), 10, "the measure 'other' (sum(amount): it cannot be read: Expecting )"),
        (with_measure("count(*); drop table x"), 10, "it must be one expression, and not several statements"),
        (with_measure("count(*), sum(amount)"), 10, "it must be one expression"),
        (with_measure("sum(amount) as total"), 10, "it must be one expression"),
        (with_measure("amount"), 10, "it is not an aggregate"),
        (with_measure("(select 1)"), 10, "it has a query or a window in it"),
        (with_measure("sum(id)").replace("other:", "Events:"), 10, "a measure is called 'Events', as another column"),
        (with_measure("max(id)").replace("other:", "CLICKS:"), 10, "a measure is called 'CLICKS', as another column"),
        (SESSIONS.replace("key: user_id", "key: session_id"), 4, "the key 'session_id' has the name of a column"),
        (
            with_type("doubble"),
            10,
            "columns: size: 'doubble' is not a type [FFT-804]\n    hint: Did you mean 'double'?",
        ),
        (with_type("bigint; drop table x"), 10, "hint: Write the type alone"),
        (with_type("decimal(50, 2)"), 10, "hint: A decimal has 1 to 38 digits"),
        (SESSIONS.replace("amount: double", "ts: string"), 9, "columns: ts: it is the event_time, and 'string' is not"),
        (APPEND + "    columns: {size: wat}\n", 4, "columns: size: 'wat' is not a type"),
        (SESSIONS.replace("amount: double", "ts: timestamptz"), 9, "UTC without a zone, and 'timestamptz' has one"),
        (SESSIONS.replace("amount: double", "amount: double, AMOUNT: integer"), 9, "columns: 'AMOUNT' occurs twice"),
        (SESSIONS.replace("key: user_id", "key: [user_id, USER_ID]"), 4, "key: 'USER_ID' occurs twice"),
        (SESSIONS.replace("key: user_id", "key: _ff_user"), 4, "key: '_ff_user' begins with _ff_"),
        (APPEND + "    columns: {_ff_offset: integer}\n", 4, "columns: '_ff_offset' begins with _ff_"),
        (with_measure("count(*)").replace("other:", "_ff_number:"), 10, "measures: '_ff_number' begins with _ff_"),
        (SESSIONS.replace("30 minutes", "99999999999999 weeks"), 7, "gap: '99999999999999 weeks' is longer than"),
        (SESSIONS + "    idle_after: 99999999999999 days\n", 10, "idle_after: '99999999999999 days' is longer than"),
        (SESSIONS + f"    max_ahead: {'9' * 400} days\n", 10, "is longer than a hundred years"),
        (SESSIONS + f"    batch_rows: {'9' * 20}\n", 10, "batch_rows: Input should be less than or equal to"),
        (with_source("path: []"), 2, "source.path: Value should have at least 1 item"),
        (with_source("path: ''"), 2, "source.path: String should have at least 1 character"),
        (with_source("path: a, delimiter: ';'"), 2, "header and delimiter are for format csv"),
        (with_source("path: a, format: csv, delimiter: '\"'"), 2, "delimiter: '\"' cannot be between values"),
        (with_source("path: a, format: csv, header: [a, A]"), 2, "header: 'A' occurs twice"),
        (with_source("path: a, format: csv, header: []"), 2, "source.header: List should have at least 1 item"),
    ],
)
def test_a_wrong_setting(tmp_path: Path, written: str, line: int, said: str) -> None:
    shop = Shop(tmp_path, "dev: {engine: duckdb}\n")
    shop.write({"models/visits.ff.yml": written})
    with pytest.raises(ProjectError) as caught:
        load_project(shop.root, "dev", environment={})
    assert f"models/visits.ff.yml:{line}: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    ["integer", "DOUBLE", "decimal(10, 2)", "varchar(5)", "timestamptz", "uuid", "integer[]", '"mood"', "x.mood"],
)
def test_a_type_that_may_be_right(tmp_path: Path, kind: str) -> None:
    shop = Shop(tmp_path, "dev: {engine: postgres, postgres: {dsn: 'postgresql://'}}\n")
    shop.write({"models/visits.ff.yml": with_type(f"'{kind}'")})
    assert load_project(shop.root, "dev", environment={}).models["visits"].kind == "stream"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("models/visits__events.ff.sql", "select 1 as x"),
        ("models/VISITS__DEAD.ff.sql", "select 1 as x"),
        ("models/visits__events.ff.yml", SESSIONS),
        ("seeds/visits__late.csv", "x\n1\n"),
    ],
)
def test_a_model_with_the_name_of_a_table_of_a_stream(tmp_path: Path, file: str, text: str) -> None:
    shop = Shop(tmp_path, "dev: {engine: duckdb}\n")
    shop.write({file: text})
    with pytest.raises(ProjectError, match=r"would be .*, a table of the stream 'visits' \[FFT-122\]"):
        load_project(shop.root, "dev", environment={})


def test_a_model_with_the_name_of_the_table_of_positions(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "dev: {engine: duckdb}\n")
    shop.write({"models/_ff_stream.ff.sql": "select 1 as x"})
    with pytest.raises(ProjectError, match=r"names that begin with _ff_ are reserved for FFT \[FFT-121\]"):
        load_project(shop.root, "dev", environment={})


# --- by the first build -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("no_such_aggregate(amount)", "no_such_aggregate"),
        ("sum(amuont)", "no event has a column 'amuont' [FFT-804]\n    hint: Did you mean 'amount'?"),
        ("sum(page)", "sum"),
    ],
)
def test_a_measure_that_the_database_does_not_have(shop: Shop, measure: str, said: str) -> None:
    shop.write({"models/visits.ff.yml": with_measure(measure)})
    shop.click(click(0, page="/"))
    with pytest.raises(StreamError, match=r"visits\.ff\.yml:10: stream 'visits': the measure 'other'") as caught:
        shop.build()
    assert said in str(caught.value)
    shop.write({"models/visits.ff.yml": SESSIONS})
    shop.build()
    shop.write({"models/visits.ff.yml": with_measure(measure)})
    with pytest.raises(StreamError, match=r"visits\.ff\.yml:10: stream 'visits': the measure 'other'"):
        shop.build()
    assert [row[3] for row in shop.visits()] == [1]


def test_a_path_that_is_a_folder(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": with_source("path: clicks")})
    shop.click(click(0))
    with pytest.raises(StreamError, match=r"stream 'visits': clicks is a folder, .*\n    hint: Write clicks/\*\.jsonl"):
        shop.build()


@pytest.mark.parametrize("setting", [("key", "user_id"), ("event_time", "ts"), ("event_id", "id")])
def test_a_column_that_the_settings_name_in_another_case(shop: Shop, setting: tuple[str, str]) -> None:
    name, column = setting
    shop.write({"models/visits.ff.yml": SESSIONS.replace(f"{name}: {column}", f"{name}: {column.upper()}")})
    shop.click(click(0), click(10))
    result = shop.build()["visits"]
    assert (result.changes["events"], result.changes["dead"], result.row_count) == (2, 0, 1)


def test_a_type_that_only_the_database_knows(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": SESSIONS.replace("amount: double", "amount: '\"no_such\"'")})
    with pytest.raises(StreamError, match=r"visits\.ff\.yml:9: .*the declared columns have no type of the database"):
        shop.build()


# --- before the first event -------------------------------------------------------------------------------------------

UNDECLARED = SESSIONS.replace("    columns: {user_id: string, id: string, amount: double}\n", "")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (UNDECLARED, "the types of user_id, id, amount are not known"),
        (APPEND, "the columns of its table are not known"),
        (UPSERT, "the columns of its table are not known"),
    ],
)
def test_nothing_has_arrived(shop: Shop, written: str, why: str) -> None:
    shop.write({"models/visits.ff.yml": written, "models/mart.ff.sql": "select count(*) as n from {{ ref('visits') }}"})
    said = rf"stream 'visits': nothing has arrived yet, and {why}; it waits for a line in clicks/\*\.jsonl"
    for _ in range(2):
        with pytest.raises(NothingArrivedError, match=said) as caught:
            shop.build()
    assert "columns: {" in str(caught.value)
    shop.click(click(0))
    shop.build()
    assert shop.rows("n") == [(1,)]


@pytest.mark.parametrize("written", [UNDECLARED, UPSERT])
def test_only_bad_records_have_arrived(shop: Shop, written: str) -> None:
    shop.write({"models/visits.ff.yml": written, "models/mart.ff.sql": "select count(*) as n from {{ ref('visits') }}"})
    shop.click({"ts": "2026-01-01"}, {"ts": "2026-01-02"})
    with pytest.raises(StreamError, match=r"none of the 2 records .* the first one: it has no 'user_id'") as caught:
        shop.build()
    assert not isinstance(caught.value, NothingArrivedError)
    shop.click(click(0))
    shop.build()
    assert shop.rows("_ff_error", "visits__dead") == [("it has no 'user_id'",)] * 2


def test_a_stream_that_is_followed_waits_for_the_first_event(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", f"dev: {{engine: duckdb, duckdb: {{path: {tmp_path}/db.duckdb}}}}\n")
    shop.write({"models/visits.ff.yml": UNDECLARED})
    code, output, errors = fft(shop, "stream", "run", "visits", ".", "--until-caught-up")
    assert (code, "stopped: 0 events in 0 batches" in output) == (0, True)
    assert errors.count("nothing has arrived yet") == 1
    words = ["stream", "run", "visits", ".", "--interval", "0.05", "--json"]
    process = start_process(str(FFT), *words, cwd=shop.root, environment=clean_environment())
    assert process.stderr is not None
    assert process.stdout is not None
    assert "it waits for a line in clicks/*.jsonl" in process.stderr.readline()
    shop.click(click(0))
    assert '"events": 1' in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "nothing has arrived" in errors) == (0, False)
