"""Models that are streams: in plans, in builds, on each engine; and what is wrong with their files."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from targets import Target

from fft_core import CheckFailedError, FftError, ProjectError, Request, ReuseResult, Run, load_project
from fft_core.build.publish import BuildResult
from fft_core.build.stream_upkeep import replay_stream, reset_stream, stream_named, stream_status
from fft_core.errors import IncrementError, NothingArrivedError, RequestError, StreamError

SESSIONS = """\
    kind: stream
    source: {type: files, path: clicks/*.jsonl}
    sink: sessions
    key: user_id
    event_time: ts
    event_id: id
    gap: 30 minutes
    measures: {clicks: count(*), revenue: sum(amount)}
    columns: {user_id: string, id: string, amount: double}
"""
MART = "select user_id, count(*) as sessions, sum(clicks) as clicks from {{ ref('visits') }} group by user_id"
COUNTS = "user_id, sessions, clicks"


def click(minute: int, user: str = "a", **more: object) -> dict[str, object]:
    at = {"ts": f"2026-05-01T{8 + minute // 60:02}:{minute % 60:02}:00Z", "amount": 1.5}
    return {"user_id": user, "id": f"{user}{minute}", **at, **more}


class Shop:
    """A project with a stream of clicks."""

    def __init__(self, root: Path, profile: str) -> None:
        self.root = root
        self.write({"project.yml": "name: clicks\nversion: '1'\n", "profiles.yml": profile})
        self.write({"models/visits.ff.yml": SESSIONS, "models/mart.ff.sql": MART})

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def click(self, *clicks: Mapping[str, object], file: str = "a.jsonl") -> None:
        path = self.root / "clicks" / file
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as lines:
            lines.writelines(json.dumps(one) + "\n" for one in clicks)

    def run(self, request: Request | None = None) -> Run:
        return Run(load_project(self.root, "dev", environment={}), request)

    def build(self, request: Request | None = None) -> dict[str, Any]:
        with self.run(request) as run:
            return {node.name: run.build(node) for node in run.order()}

    def reasons(self, name: str = "visits") -> str:
        with self.run() as run:
            (decision,) = [d for d in run.plan().decisions if d.name == name]
            return "\n".join(map(str, decision.reasons))

    def rows(self, columns: str = COUNTS, table: str = "mart") -> list[Any]:
        with self.run() as run:
            warehouse = run.sessions.of_thread()
            name = warehouse.relation(table).sql(warehouse.engine.spelling)
            return sorted(warehouse.engine.fetch(f"select {columns} from {name}"))

    def visits(self) -> list[Any]:
        return self.rows("user_id, session_start, session_end, events, revenue", "visits")


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        yield Shop(tmp_path / "shop", profile)


def test_what_arrives_is_built_and_what_reads_it(shop: Shop) -> None:
    shop.click(click(0), click(10), click(5, "b"))
    first = shop.build()
    assert shop.rows() == [("a", 1, 2), ("b", 1, 1)]
    assert first["visits"].changes == {"events": 3, "late": 0, "dead": 0, "duplicates": 0, "sessions": 2}
    shop.click(click(100), click(10))
    second = shop.build()
    assert shop.rows() == [("a", 2, 3), ("b", 1, 1)]
    assert second["visits"].changes["duplicates"] == 1
    assert second["visits"].data_version != first["visits"].data_version


def test_nothing_is_built_where_nothing_has_arrived(shop: Shop) -> None:
    shop.click(click(0))
    shop.build()
    again = shop.build()
    assert [type(result) for result in again.values()] == [ReuseResult, ReuseResult]
    assert str(again["visits"].decision.reasons[0]) == "no new events"


def test_all_batches_are_read_in_one_turn(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": SESSIONS + "    batch_rows: 2\n"})
    shop.click(*(click(minute) for minute in range(0, 70, 10)))
    result = shop.build()["visits"]
    assert result.changes["events"] == 7
    assert shop.rows() == [("a", 1, 7)]
    with shop.run() as run:
        state = stream_status(run.sessions.of_thread(), stream_named(run.project, "visits")).state
    assert state is not None
    assert state.counts["batches"] == 4


def test_another_gap_rebuilds_the_sessions_from_the_events_kept(shop: Shop) -> None:
    shop.click(click(0), click(25), click(60))
    before = shop.build()
    (shop.root / "clicks/a.jsonl").unlink()
    shop.write({"models/visits.ff.yml": SESSIONS.replace("30 minutes", "20 minutes")})
    assert "its config changed: gap; its sessions are rebuilt from the events kept" in shop.reasons()
    after = shop.build()
    assert shop.rows() == [("a", 3, 3)]
    assert after["visits"].data_version != before["visits"].data_version
    shop.write({"models/visits.ff.yml": SESSIONS.replace("30 minutes", "1 hour")})
    shop.build()
    assert shop.rows() == [("a", 1, 3)]


def test_a_lost_table_is_rebuilt_from_the_events_kept(shop: Shop) -> None:
    shop.click(click(0), click(60))
    shop.build()
    with shop.run() as run:
        warehouse = run.sessions.of_thread()
        warehouse.engine.execute(f"drop table {warehouse.relation('visits').sql(warehouse.engine.spelling)}")
    assert "no longer exists; its sessions are rebuilt from the events kept" in shop.reasons()
    shop.build()
    assert shop.rows() == [("a", 2, 2)]


def test_another_measure_is_made_of_the_events_kept(shop: Shop) -> None:
    shop.click(click(0, page="/"), click(10, page="/cart"))
    shop.build()
    shop.write(
        {"models/visits.ff.yml": SESSIONS.replace("clicks: count(*)", "clicks: count(*), last_page: last(page)")}
    )
    shop.build()
    assert shop.rows("last_page", "visits") == [("/cart",)]


def test_a_check_judges_each_batch_before_it_is_published(shop: Shop) -> None:
    check = "{type: between, table: visits, column: clicks, max: 2, scope: delta}"
    shop.write({"project.yml": f"name: clicks\nversion: '1'\ntests: [{check}]\n"})
    shop.click(click(0), click(10))
    shop.build()
    shop.click(click(20), click(300, "b"))
    with pytest.raises(CheckFailedError):
        shop.build()
    assert [row[3] for row in shop.visits()] == [2]
    shop.write({"project.yml": "name: clicks\nversion: '1'\n"})
    shop.build()
    assert [row[3] for row in shop.visits()] == [3, 1]


def test_too_many_bad_records_are_no_batch(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": SESSIONS + "    max_dead_share: 0.4\n"})
    shop.click(click(0), {"no": "key"})
    with pytest.raises(StreamError, match=r"visits\.ff\.yml.*1 of 2 records are bad") as caught:
        shop.build()
    assert "max_dead_share" in str(caught.value)
    shop.click(click(10))
    shop.build()
    assert shop.rows() == [("a", 1, 2)]
    assert shop.rows("_ff_error", "visits__dead") == [("it has no 'user_id'",)]


def test_before_anything_has_arrived(shop: Shop) -> None:
    shop.build()
    assert shop.rows() == []
    shop.write(
        {"models/visits.ff.yml": SESSIONS.replace("user_id: string, ", ""), "models/other.ff.sql": "select 1 as i"}
    )
    with shop.run(Request(rebuild=("visits",))) as run:
        assert run.plan().builds


def test_columns_must_be_known_before_anything_has_arrived(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": SESSIONS.replace("user_id: string, ", "")})
    said = "nothing has arrived yet, and the types of user_id are not known; it waits for a line in clicks/"
    with pytest.raises(NothingArrivedError, match=said):
        shop.build()
    shop.click(click(0))
    shop.build()
    assert shop.rows() == [("a", 1, 1)]


# --- tables -----------------------------------------------------------------------------------------------------------

APPEND = """\
    kind: stream
    source: {type: files, path: clicks/*.jsonl}
    sink: append
"""
UPSERT = """\
    kind: stream
    source: {type: files, path: clicks/*.jsonl}
    sink: upsert
    key: user_id
    event_time: ts
"""


def test_a_table_that_grows(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND, "models/mart.ff.sql": "select count(*) as n from {{ ref('visits') }}"})
    shop.click(click(0), click(0))
    shop.build()
    shop.click(click(10), {**click(20), "amount": "much"})
    result = shop.build()["visits"]
    assert result.changes["dead"] == 1
    assert shop.rows("n") == [(3,)]
    assert shop.rows("id, amount", "visits") == [("a0", 1.5), ("a0", 1.5), ("a10", 1.5)]
    assert isinstance(shop.build()["visits"], ReuseResult)


def test_a_table_that_grows_by_new_events(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND + "    event_id: id\n", "models/mart.ff.sql": "select 1 as n"})
    shop.click(click(0), click(0))
    first = shop.build()["visits"]
    shop.click(click(0), click(10))
    second = shop.build()["visits"]
    assert shop.rows("id", "visits") == [("a0",), ("a10",)]
    assert [(one.changes["events"], one.changes["duplicates"]) for one in (first, second)] == [(1, 1), (1, 1)]


def test_a_table_of_the_newest_by_key(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": UPSERT, "models/mart.ff.sql": "select 1 as n"})
    shop.click(click(10, amount=2.5), click(20, amount=3.5), click(0, amount=0.5), click(5, "b"))
    shop.build()
    assert shop.rows("user_id, amount", "visits") == [("a", 3.5), ("b", 1.5)]
    shop.click(click(15, amount=9.5), click(30, "b", amount=7.5))
    shop.build()
    assert shop.rows("user_id, amount", "visits") == [("a", 3.5), ("b", 7.5)]


def test_new_columns_of_a_table(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND, "models/mart.ff.sql": "select 1 as n"})
    shop.click(click(0))
    shop.build()
    shop.click(click(10, page="/"))
    shop.build()
    assert shop.rows("id, page", "visits") == [("a0", None), ("a10", "/")]
    shop.write({"models/visits.ff.yml": APPEND + "    on_schema_change: fail\n"})
    shop.click(click(20, page="/", referrer="x"))
    with pytest.raises(IncrementError, match="referrer"):
        shop.build()
    shop.write({"models/visits.ff.yml": APPEND + "    on_schema_change: ignore\n"})
    shop.build()
    assert len(shop.rows("id, page", "visits")) == 3


def test_new_columns_of_events(shop: Shop) -> None:
    shop.click(click(0))
    shop.build()
    shop.write({"models/visits.ff.yml": SESSIONS + "    on_schema_change: fail\n"})
    shop.click(click(10, page="/"))
    with pytest.raises(StreamError, match="events have a new column 'page', and on_schema_change is fail"):
        shop.build()
    shop.write({"models/visits.ff.yml": SESSIONS})
    shop.build()
    assert shop.rows("id, page", "visits__events") == [("a0", None), ("a10", "/")]


def test_a_full_refresh_of_a_table_reads_from_the_begin(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND, "models/mart.ff.sql": "select 1 as n"})
    shop.click(click(0), click(10))
    shop.build()
    shop.build(Request(full_refresh=("visits",)))
    assert shop.rows("id", "visits") == [("a0",), ("a10",)]
    with pytest.raises(RequestError, match="matches no incremental model"):
        shop.build(Request(full_refresh=("vis*",)))


# --- reset and replay -------------------------------------------------------------------------------------------------


def reset(shop: Shop, to: str) -> None:
    with shop.run() as run:
        reset_stream(run.sessions.of_thread(), stream_named(run.project, "visits"), to)


def test_a_reset_reads_again_and_readers_see_the_old_sessions_until_then(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": SESSIONS + "    batch_rows: 2\n"})
    shop.click(*(click(minute) for minute in (0, 10, 100, 110, 200)))
    shop.build()
    before = shop.visits()
    reset(shop, "earliest")
    from fft_core.run.turn import build_or_reuse

    with shop.run() as run:
        build_or_reuse(run.sessions.of_thread(), run.rebuilder, run.project.node("visits"), drains=False)
    assert shop.visits() == before
    assert len(shop.rows("id", "visits__events")) == 2
    shop.build()
    assert shop.visits() == before
    assert len(shop.rows("id", "visits__events")) == 5


def test_a_reset_to_a_position_takes_back_what_is_behind_it(shop: Shop) -> None:
    shop.click(click(0))
    shop.build()
    with shop.run() as run:
        position = stream_status(run.sessions.of_thread(), stream_named(run.project, "visits")).to_json()["position"]
    shop.click(click(10), {"no": "event"})
    shop.build()
    reset(shop, json.dumps(position))
    assert shop.rows("id", "visits__events") == [("a0",)]
    assert shop.rows("_ff_error", "visits__dead") == []
    shop.build()
    assert shop.rows() == [("a", 1, 2)]
    assert len(shop.rows("_ff_error", "visits__dead")) == 1


def test_a_reset_to_the_end_leaves_out_what_is_there(shop: Shop) -> None:
    shop.click(click(0))
    shop.build()
    shop.click(click(10))
    reset(shop, "latest")
    shop.click(click(20))
    shop.build()
    assert shop.rows() == [("a", 1, 2)]


def test_rows_that_were_added_cannot_be_taken_back_to_a_position(shop: Shop) -> None:
    shop.write({"models/visits.ff.yml": APPEND, "models/mart.ff.sql": "select 1 as n"})
    shop.click(click(0))
    shop.build()
    with pytest.raises(RequestError, match="visits only appends rows"):
        reset(shop, '{"files": []}')
    reset(shop, "earliest")
    shop.build()
    assert shop.rows("id", "visits") == [("a0",)]


def test_a_replay_finds_what_somebody_changed(shop: Shop) -> None:
    shop.click(click(0), click(100))
    shop.build()
    with shop.run() as run:
        warehouse, model = run.sessions.of_thread(), stream_named(run.project, "visits")
        assert replay_stream(warehouse, model).is_equal
        table = warehouse.relation("visits").sql(warehouse.engine.spelling)
        warehouse.engine.execute(f"update {table} set revenue = 99 where events = 1")
        found = replay_stream(warehouse, model)
    assert (found.sessions, found.added, found.gone, found.changed) == (2, 0, 0, 2)


# --- files that are wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (SESSIONS.replace("    gap: 30 minutes\n", ""), "sink sessions needs key, event_time and gap"),
        (SESSIONS.replace("30 minutes", "30"), "gap: 30 has no unit; write it as '30 minutes'"),
        (SESSIONS.replace("30 minutes", "soon"), "gap: 'soon' is not a time"),
        (SESSIONS + "    gapp: 1 day\n", "unknown key 'gapp' in the file [FFT-101]\n    hint: Did you mean 'gap'?"),
        (SESSIONS + "    materialized: table\n", "'materialized' has no effect on a stream"),
        (SESSIONS.replace("files", "flies"), "unknown type 'flies' [FFT-106]\n    hint: Did you mean 'files'?"),
        (SESSIONS.replace("path:", "paths:"), "unknown key 'paths' in source [FFT-101]"),
        (
            SESSIONS.replace("sink: sessions", "sink: session"),
            "sink: unknown value 'session' [FFT-106]\n    hint: Did you mean",
        ),
        (SESSIONS.replace("kind: stream", "kind: sql"), "kind: unknown value 'sql' [FFT-106]"),
        (APPEND + "    key: id\n", "key is for the sinks upsert and sessions"),
        (UPSERT.replace("    key: user_id\n", ""), "sink upsert needs key"),
        ("    - a list\n", "the file must be a mapping [FFT-106]"),
        ("    kind: [\n", "invalid YAML"),
    ],
)
def test_a_wrong_file(tmp_path: Path, written: str, said: str) -> None:
    shop = Shop(tmp_path, "dev: {engine: duckdb}\n")
    shop.write({"models/visits.ff.yml": written})
    with pytest.raises(ProjectError) as caught:
        load_project(shop.root, "dev", environment={})
    assert said in str(caught.value)
    assert "models/visits.ff.yml" in str(caught.value)


def test_settings_of_folders_are_for_streams_too(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "dev: {engine: duckdb}\n")
    shop.write({"project.yml": "name: clicks\nversion: '1'\nmodels: {+tags: [all], +schema: live}\n"})
    model = load_project(shop.root, "dev", environment={}).models["visits"]
    assert (model.tags, model.schema, model.kind) == (("all",), "live", "stream")


def test_an_environment_variable_that_is_not_set(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "dev: {engine: duckdb}\n")
    source = "{type: kafka, servers: {env: KAFKA_SERVERS}, topic: clicks}"
    shop.write({"models/visits.ff.yml": SESSIONS.replace("{type: files, path: clicks/*.jsonl}", source)})
    with pytest.raises(FftError, match="the stream visits needs the environment variable KAFKA_SERVERS"):
        shop.build()


def test_an_engine_without_transactions_has_no_streams() -> None:
    from types import SimpleNamespace

    from fft_core.engines.spec import No
    from fft_core.streaming.sessionizer import refuse_engine

    capabilities = SimpleNamespace(transactions=No("none"), changes_rows=True)
    with pytest.raises(FftError, match="lake cannot write a stream: transactions: no: none"):
        refuse_engine(SimpleNamespace(name="lake", capabilities=capabilities))


def test_results_say_what_a_build_did(shop: Shop) -> None:
    shop.click(click(0))
    assert isinstance(shop.build()["visits"], BuildResult)


def test_postgres_finds_by_indexes_and_duckdb_has_none(shop: Shop) -> None:
    shop.click(click(0))
    shop.build()
    shop.click(click(10))
    shop.build()
    shop.write({"models/visits.ff.yml": SESSIONS.replace("30 minutes", "20 minutes")})
    shop.build()
    with shop.run() as run:
        engine = run.sessions.of_thread().engine
        if engine.name == "postgres":
            schema = engine.spelling.literal(engine.relation("any").schema)
            query = f"select tablename, indexdef from pg_indexes where schemaname = {schema} order by 1"
            assert [(table, said.rpartition("(")[2]) for table, said in engine.fetch(query)] == [
                ("visits", "session_end)"),
                ("visits__events", "ts)"),
            ]
        else:
            assert engine.fetch("select * from duckdb_indexes()") == []


def test_rows_that_were_copied_without_their_position_are_replaced(shop: Shop) -> None:
    """As after `fft clone`: the events of the copied sessions are not here."""
    shop.click(click(0), click(100))
    shop.build()
    with shop.run() as run:
        warehouse = run.sessions.of_thread()
        spelled = warehouse.engine.spelling
        for name in ("visits__events", "_ff_stream"):
            warehouse.engine.execute(f"drop table {warehouse.relation('visits').named(name).sql(spelled)}")
    shop.click(click(10))
    shop.build()
    assert shop.rows() == [("a", 2, 3)]
