"""Frozen time: in SQL, in Python, in templates; and what it does not reach is refused, by its name."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import psycopg
import pytest
from unit_test_bench import Bench, Files, said
from written_projects import problems

from fft_core import run_unit_tests

SEED = {"seeds/raw_users.csv": "id\n1\n"}
AT = "2026-01-31T12:00:00Z"


def case(model: str, expected: str, freeze: str = AT, given: str = "{raw_users: {rows: [{id: 1}]}}") -> str:
    return f"model: {model}\ncases: [{{name: a, freeze: {freeze}, inputs: {given}, expect: {{rows: [{expected}]}}}}]\n"


COMMON = {
    "current_timestamp": "2026-01-31T12:00:00Z",
    "now()": "2026-01-31T12:00:00Z",
    "transaction_timestamp()": "2026-01-31T12:00:00Z",
    "current_date": "2026-01-31",
    "localtimestamp": "2026-01-31 12:00:00",
    "localtime": "'12:00:00'",
    "cast(current_time as varchar)": None,
}
CLOCKS = {
    "duckdb": {
        **COMMON,
        "get_current_timestamp()": "2026-01-31T12:00:00Z",
        "today()": "2026-01-31",
        "current_localtimestamp()": "2026-01-31 12:00:00",
        "current_localtime()": "'12:00:00'",
        "main.now()": "2026-01-31T12:00:00Z",
    },
    "postgres": {
        **COMMON,
        "clock_timestamp()": "2026-01-31T12:00:00Z",
        "statement_timestamp()": "2026-01-31T12:00:00Z",
        "pg_catalog.now()": "2026-01-31T12:00:00Z",
        "current_timestamp(3)": "2026-01-31T12:00:00Z",
        "localtimestamp(0)": "2026-01-31 12:00:00",
    },
}
TYPE_OF = {"duckdb": "typeof({})", "postgres": "pg_typeof({})::text"}


def test_every_clock_of_sql_shows_the_frozen_time_and_keeps_its_type(bench: Bench) -> None:
    clocks = CLOCKS[bench.engine]
    parts = [f"{clock} as c{index}" for index, clock in enumerate(clocks)]
    types = [f"{TYPE_OF[bench.engine].format(clock)} as t{index}" for index, clock in enumerate(clocks)]
    files = {**SEED, "models/clocks.ff.sql": f"select {', '.join([*parts, *types])} from {{{{ ref('raw_users') }}}}"}
    ticking = bench.run({**files, "tests/unit/t.yml": case("clocks", "{}", "null")})["a"]
    assert ticking.error is None
    real = dict(zip(ticking.found["clocks"].columns, ticking.found["clocks"].rows[0], strict=True))
    expected = {f"c{index}": value for index, value in enumerate(clocks.values()) if value}
    expected |= {f"t{index}": f"'{real[f't{index}']}'" for index in range(len(clocks))}
    row = ", ".join(f"{name}: {value}" for name, value in expected.items())
    assert bench.outcome({**files, "tests/unit/t.yml": case("clocks", f"{{{row}}}")}) == {"a": "pass"}


def test_columns_keep_their_names_and_other_words_their_meaning(bench: Bench) -> None:
    """A text, a comment, a column of the name, and a name of the query's own are no clocks."""
    made = {"duckdb": "now()", "postgres": "now"}[bench.engine]
    query = """\
        with now(x) as (select 1), t as (select current_date, now(), coalesce(null, current_date) as day from now)
        select t.*, 'now()' as word, "current_date" as again -- now()
        from t order by current_date
        """
    expected = f"{{current_date: 2026-01-31, '{made}': {AT}, day: 2026-01-31, word: now(), again: 2026-01-31}}"
    files = {**SEED, "models/m.ff.sql": query, "tests/unit/t.yml": case("m", expected, given="{}")}
    assert bench.outcome(files) == {"a": "pass"}


def test_time_is_frozen_in_ephemeral_models_macros_and_increments(bench: Bench) -> None:
    files = {
        **SEED,
        "models/macros/time.sql": "{% macro today() %}current_date{% endmacro %}",
        "models/fresh.ff.sql": "{{ config(materialized='ephemeral') }} select id, {{ today() }} as day "
        "from {{ ref('raw_users') }}",
        "models/m.ff.sql": "{{ config(materialized='incremental', unique_key='id', on_schema_change='ignore') }} "
        "select id, day, now() as seen from {{ ref('fresh') }}",
        "tests/unit/t.yml": f"""\
            model: m
            defaults: {{freeze: {AT}, inputs: {{raw_users: {{rows: [{{id: 1}}]}}}}}}
            cases:
              - {{name: first, expect: {{rows: [{{id: 1, day: 2026-01-31, seen: {AT}}}]}}}}
              - name: next
                freeze: 2026-02-01
                inputs: {{this: {{rows: [{{id: 1, day: 2020-01-01}}, {{id: 2, day: 2020-01-01}}]}}}}
                expect: {{rows: [{{id: 1, day: 2026-02-01, seen: 2026-02-01}}, {{id: 2, day: 2020-01-01}}]}}
              - {{name: ticking, freeze: null, expect: {{rows: [{{id: 1, day: 2026-01-31}}]}}}}
            """,
    }
    found = bench.outcome(files)
    assert found.pop("ticking").startswith("fail: m: rows: 0 as expected")
    assert found == {"first": "pass", "next": "pass"}


def test_a_snapshot_is_taken_at_the_frozen_time(bench: Bench) -> None:
    config = "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': ['n']}"
    files = {
        **SEED,
        "models/history.ff.sql": f"{{{{ config({config}) }}}} select id, 5 as n from {{{{ ref('raw_users') }}}}",
        "tests/unit/t.yml": case("history", f"{{id: 1, n: 5, _ff_valid_from: {AT}, _ff_valid_to: null}}"),
    }
    assert bench.outcome(files) == {"a": "pass"}


PYTHON = """\
import datetime as dt
import time
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from time import time as seconds

import pandas as pd
import polars as pl
from fft_core import model
from helpers import stamp

LOADED = date.today()


@dataclass
class Stamp:
    at: datetime = field(default_factory=datetime.now)

    def now(self) -> str:
        return "its own"


@model(deps=["raw_users"])
def clocks(users: pl.DataFrame) -> pl.DataFrame:
    import datetime as inside

    assert isinstance(datetime.now(), datetime) and type(datetime.now()) is datetime
    assert datetime.now(timezone.utc) == datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
    assert datetime.now(timezone(timedelta(hours=1))).hour == 13
    assert pd.Timestamp.now("Europe/Vienna").hour == 13 and pd.Timestamp.utcnow().tzinfo is not None
    assert time.perf_counter() > 0 and time.gmtime().tm_mday == 31 and time.strftime("%H") == "12"
    assert time.gmtime(0).tm_year == 1970 and Stamp().now() == "its own"
    assert time.time_ns() == 1769860800 * 10**9
    match datetime.now().time():
        case dt.time():
            pass
    return pl.DataFrame(
        {
            "id": users["id"],
            "a": [datetime.now()],
            "b": [dt.datetime.utcnow()],
            "c": [date.today()],
            "d": [time.time()],
            "e": [seconds()],
            "f": [pd.Timestamp.now().to_pydatetime()],
            "g": [pd.Timestamp.today().to_pydatetime()],
            "h": [Stamp().at],
            "i": [LOADED],
            "j": [stamp()],
            "k": [inside.datetime.today()],
            "l": [getattr(dt.date, "today")()],
            "m": [datetime.fromisoformat("2020-01-01")],
        },
        schema_overrides={"a": pl.Datetime, "c": date, "m": datetime},
    )
"""


def test_every_clock_of_python_shows_the_frozen_time(bench: Bench) -> None:
    row = (
        "{id: 1, a: 2026-01-31 12:00:00, b: 2026-01-31 12:00:00, c: 2026-01-31, d: 1769860800, e: 1769860800, "
        "f: 2026-01-31 12:00:00, g: 2026-01-31 12:00:00, h: 2026-01-31 12:00:00, i: 2026-01-31, "
        "j: 2026-01-31 12:00:00, k: 2026-01-31 12:00:00, l: 2026-01-31, m: 2020-01-01}"
    )
    files = {
        **SEED,
        "models/clocks.ff.py": PYTHON,
        "helpers.py": "from datetime import datetime\ndef stamp():\n    return datetime.now()\n",
        "tests/unit/t.yml": case("clocks", row),
    }
    assert bench.outcome(files) == {"a": "pass"}
    assert abs(time.time() - datetime.now(UTC).timestamp()) < 5
    assert date.today().year != 1970


def test_other_threads_keep_their_clocks(tmp_path: Path) -> None:
    """Nothing of the process is patched: a model that waits is at the frozen time, and nobody else is."""
    code = """\
        import time
        from datetime import datetime
        from fft_core import model

        @model(deps=["raw_users"])
        def waits(users):
            for _ in range(40):
                assert datetime.now().year == 2001
                time.sleep(0.01)
            return users
        """
    files = {**SEED, "models/waits.ff.py": code, "tests/unit/t.yml": case("waits", "{id: 1}", "2001-01-01")}
    seen: list[int] = []
    bench = Bench(tmp_path, "duckdb", "{path: db.duckdb}")
    thread = threading.Thread(target=lambda: seen.append(len(bench.outcome(files)) if not seen else 0))
    thread.start()
    years = set()
    while thread.is_alive():
        years.add(datetime.now(UTC).year)
        time.sleep(0.005)
    assert 2001 not in years
    assert bench.outcome(files) == {"a": "pass"}


def test_python_macros_and_dates_of_variables_show_the_frozen_time(tmp_path: Path) -> None:
    files = {
        **SEED,
        "project.yml": "name: shop\nversion: '1'\nvars: {begin: 2020-01-01}\n",
        "models/macros_py/days.py": "from datetime import date\ndef today_text():\n    return str(date.today())\n",
        "models/m.ff.sql": "select '{{ today_text() }}' as a, '{{ var('begin').today() }}' as b, "
        "'{{ var('begin') }}' as c",
        "tests/unit/t.yml": case("m", "{a: '2026-01-31', b: '2026-01-31', c: '2020-01-01'}", given="{}"),
    }
    assert Bench(tmp_path, "duckdb", "{path: db.duckdb}").outcome(files) == {"a": "pass"}


def test_a_query_of_ibis_is_frozen_like_any_other(bench: Bench) -> None:
    pytest.importorskip("ibis")
    code = """\
        import ibis
        from fft_core import model

        @model(deps=["raw_users"])
        def seen(users: ibis.Table) -> ibis.Table:
            return users.mutate(at=ibis.now())
        """
    files = {**SEED, "models/seen.ff.py": code, "tests/unit/t.yml": case("seen", f"{{id: 1, at: {AT}}}")}
    assert bench.outcome(files) == {"a": "pass"}


REFUSED_SQL = {
    "duckdb": {
        "age(timestamp '2020-01-01')": "age() with one argument",
        "today() from x where x.!": "today(): the query around it could not be parsed",
    },
    "postgres": {
        "age(timestamp '2020-01-01')": "age() with one argument",
        "timeofday()": "timeofday()",
        "'now'::timestamp": "the text 'now', which means the current time",
        "date 'tomorrow'": "the text 'tomorrow', which means the current time",
    },
}


def test_what_cannot_be_frozen_in_sql_is_named(bench: Bench) -> None:
    for clock, name in REFUSED_SQL[bench.engine].items():
        files = {**SEED, "models/m.ff.sql": f"select 1 as a, {clock}", "tests/unit/t.yml": case("m", "{}", given="{}")}
        found = bench.outcome(files)["a"]
        assert found.startswith(
            f"error: models/m.ff.sql: freeze: time cannot be frozen in {name} [FFT-511]\n    hint: "
        ), found


def test_a_text_that_is_no_time_is_left_alone(bench: Bench) -> None:
    files = {"models/m.ff.sql": "select 'today' as word", "tests/unit/t.yml": case("m", "{word: today}", given="{}")}
    assert bench.outcome(files) == {"a": "pass"}


REFUSED_PYTHON = {
    "pd.Timestamp('now')": "pandas.Timestamp('now')",
    "pd.to_datetime('today')": "pandas.to_datetime('now')",
    "np.datetime64('now')": "numpy.datetime64('now')",
    "installed_clock.now()": "installed_clock.now()",
}


@pytest.mark.parametrize("call", REFUSED_PYTHON)
def test_what_cannot_be_frozen_in_python_is_named(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of an installed package is called by code that is not rewritten."""
    installed = tmp_path / "elsewhere"
    installed.mkdir()
    (installed / "installed_clock.py").write_text("import datetime\ndef now():\n    return datetime.datetime.now()\n")
    monkeypatch.syspath_prepend(str(installed))
    code = f"""\
        import installed_clock
        import numpy as np
        import pandas as pd
        from fft_core import model

        @model(deps=["raw_users"])
        def m(users):
            return users.assign(at={call})
        """
    files = {**SEED, "models/m.ff.py": code, "tests/unit/t.yml": case("m", "{}")}
    root = tmp_path / "shop"
    root.mkdir()
    found = Bench(root, "duckdb", "{path: db.duckdb}").outcome(files)["a"]
    assert f"models/m.ff.py:8: freeze: time cannot be frozen in {REFUSED_PYTHON[call]}" in found


@pytest.fixture
def with_objects(bench: Bench) -> Callable[[str, Files], str]:
    """Runs unit tests in a database in which somebody made functions and views."""

    def run(statements: str, files: Files) -> str:
        if bench.engine == "duckdb":
            import duckdb

            with duckdb.connect(str(bench.root / "utest.duckdb")) as connection:
                connection.execute(statements)
            own = {"profiles.yml": "dev: {engine: duckdb}\ndev_utest: {engine: duckdb, duckdb: {path: utest.duckdb}}\n"}
        else:
            dsn, schema = bench.settings.split("'")[1], bench.settings.rpartition(": ")[2].rstrip("}")
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f"create schema if not exists {schema}; set search_path = {schema}".encode())
                connection.execute(statements.encode())
            own = {}
        project = bench.load({**SEED, **files, **own})
        (result,) = run_unit_tests(project, project.unit_tests)
        return said(result)

    return run


def test_clocks_inside_functions_of_the_database_are_refused(
    bench: Bench, with_objects: Callable[[str, Files], str]
) -> None:
    if bench.engine == "duckdb":
        made = "create macro since(x) as date_diff('day', x, today()); create macro steady(x) as x"
        call, kind, clock = "since(date '2026-01-01')", "macro", "today()"
    else:
        made = (
            "create function since(x date) returns int language sql as 'select current_date - x';"
            "create function steady(x int) returns int language sql as 'select x';"
        )
        call, kind, clock = "since(date '2026-01-01')", "function", "current_date"
    test = {"tests/unit/t.yml": case("m", "{}", given="{}")}
    schema = "" if bench.engine == "duckdb" else bench.settings.rpartition(": ")[2].rstrip("}") + "."
    found = with_objects(made, {"models/m.ff.sql": f"select {schema}{call} as days", **test})
    assert f"freeze: time cannot be frozen in the {kind} " in found
    assert f"since() of the database, which calls {clock}" in found
    steady = {"models/m.ff.sql": f"select {schema}steady(1) as a", "tests/unit/t.yml": case("m", "{a: 1}", given="{}")}
    assert with_objects("select 1", steady) == "pass"


def test_clocks_inside_views_of_the_database_are_refused(
    bench: Bench, with_objects: Callable[[str, Files], str]
) -> None:
    schema = "main" if bench.engine == "duckdb" else bench.settings.rpartition(": ")[2].rstrip("}")
    made = f"create view days as select current_date as day; create view outer_days as select * from {schema}.days"
    for view in ("days", "outer_days"):
        files = {
            "models/m.ff.sql": f"select day from {schema}.{view}",
            "tests/unit/t.yml": case("m", "{}", given="{}"),
        }
        found = with_objects(made if view == "days" else "select 1", files)
        assert "models/m.ff.sql" in found
        assert "freeze: time cannot be frozen in the view " in found
        assert "days of the database, which calls current_date [FFT-511]" in found.replace(
            "CURRENT_DATE", "current_date"
        )


def test_a_view_in_whose_place_rows_are_given_is_no_clock(with_objects: Callable[[str, Files], str]) -> None:
    files = {
        "models/m.ff.sql": "select id, current_date as day from {{ ref('raw_users') }}",
        "tests/unit/t.yml": case("m", "{id: 1, day: 2026-01-31}"),
    }
    assert with_objects("create view raw_users as select current_date as id", files) == "pass"


@pytest.mark.parametrize(
    ("freeze", "said"),
    [
        ("soon", "'soon' is not a time; write 2026-01-31T12:00:00Z, or a date [FFT-106]"),
        ("7", "7 is not a time"),
        ("[2026-01-01]", "is not a time"),
    ],
)
def test_a_time_that_is_none_is_a_problem_with_its_line(tmp_path: Path, freeze: str, said: str) -> None:
    files = {**SEED, "models/m.ff.sql": "select 1 as a", "tests/unit/t.yml": case("m", "{}", freeze, "{}")}
    (found,) = problems(tmp_path, files)
    assert found.startswith("tests/unit/t.yml:2: cases.0.freeze: ")
    assert said in found
