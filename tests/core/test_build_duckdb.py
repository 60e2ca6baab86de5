"""Builds on a real DuckDB: what is published, where, and that it is all or nothing."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from written_projects import USERS_ORDERS, opened, write_project

from fft_core import CheckFailedError, FftError, load_project, open_warehouse
from fft_core.errors import BusyError, StatementError
from fft_core.run.turn import build_model, build_seed
from fft_core.warehouse.warehouse import planned_relations

ONE = {"models/one.ff.sql": "select 1 as x"}


def check(rule: str) -> str:
    return f"name: shop\nversion: '1'\ntests:\n  - {rule}\n"


# the small project of the original documentation


def test_users_and_orders_through_the_plain_api(tmp_path: Path) -> None:
    root = tmp_path / "users_orders"
    shutil.copytree(USERS_ORDERS, root)
    project = load_project(root, environment={})
    with open_warehouse(project) as warehouse:
        for seed in project.seeds.values():
            build_seed(warehouse, seed)
        results = {model.name: build_model(warehouse, model) for model in project.order()}
        assert list(results) == ["users", "orders", "users_enriched", "mart_orders_enriched", "mart_users"]
        assert {name: (result.kind, result.row_count) for name, result in results.items()} == {
            "users": ("table", 3),
            "orders": ("table", 2),
            "users_enriched": ("table", 3),
            "mart_orders_enriched": ("table", 2),
            "mart_users": ("view", 3),
        }
        assert all(check.passed for result in results.values() for check in result.checks)
        assert sum(len(result.checks) for result in results.values()) == 7
        assert str(results["users"].relation) == "demo.main.users"
        fetch = warehouse.engine.fetch
        assert fetch("select * from mart_orders_enriched order by 1") == [
            (100, 1, "a@example.com", False, 19.9, True),
            (101, 2, "b@gmail.com", True, 0.0, False),
        ]
        assert fetch("select * from mart_users order by 1") == [
            (1, "a@example.com", False, 1, 19.9),
            (2, "b@gmail.com", True, 1, 0.0),
            (3, "c@gmail.com", True, 0, 0.0),
        ]
    assert (root / ".local" / "demo.duckdb").is_file()


# materializations


def test_table_view_and_nested_ephemeral(tmp_path: Path) -> None:
    files = {
        "models/base.ff.sql": "select range as x from range(3)",
        "models/e1.ff.sql": "{{ config(materialized='ephemeral') }} -- comment\nselect x from {{ ref('base') }} -- end",
        "models/e2.ff.sql": "{{ config(materialized='ephemeral') }}\nselect x * 10 as x from {{ ref('e1') }} as e1;",
        "models/v.ff.sql": "{{ config(materialized='view') }}\n"
        "select a.x from {{ ref('e2') }} a join {{ ref('e1') }} b using (x)",
        "models/t.ff.sql": "select sum(x) as x from {{ ref('e2') }}",
        "models/p.ff.py": "from fft_core import model\n@model(deps=['e2'])\ndef p(df):\n    return df[df['x'] > 0]\n",
    }
    with opened(tmp_path, files) as shop:
        results = {result.relation.name: result for result in shop.build()}
        assert {name: result.kind for name, result in results.items()} == {
            "base": "table",
            "p": "table",
            "t": "table",
            "v": "view",
        }
        assert shop.relations() == {"main.base", "main.p", "main.t", "main.v"}
        assert shop.rows("select * from t") == [(30,)]
        assert shop.rows("select * from v") == [(0,)]
        assert shop.rows("select * from p order by 1") == [(10,), (20,)]
        assert [(column.name, column.type) for column in results["t"].columns] == [("x", "HUGEINT")]
        with pytest.raises(FftError) as caught:
            shop.build("e1")
        assert str(caught.value) == "models/e1.ff.sql:1: model 'e1' is ephemeral: it has no rows of its own [FFT-300]"


def test_a_table_becomes_a_view_and_a_view_a_table(tmp_path: Path) -> None:
    kinds = []
    for materialized in ("table", "view", "view", "table", "table"):
        files = {"models/one.ff.sql": f"{{{{ config(materialized='{materialized}') }}}} select '{materialized}' as x"}
        with opened(tmp_path, files) as shop:
            shop.build()
            kinds += shop.rows("select x, table_type from one, information_schema.tables where table_name = 'one'")
    assert kinds == [
        ("table", "BASE TABLE"),
        ("view", "VIEW"),
        ("view", "VIEW"),
        ("table", "BASE TABLE"),
        ("table", "BASE TABLE"),
    ]


def test_a_python_model_is_a_table_whatever_its_frame(tmp_path: Path) -> None:
    code = "import {0}\nfrom fft_core import model\n@model\ndef {0}_model():\n    return {1}\n"
    makers = {"pandas": "pandas.DataFrame({'x': [1]})", "polars": "polars.LazyFrame({'x': [1]})"}
    makers["pyarrow"] = "pyarrow.table({'x': [1]}).to_reader()"
    files = {f"models/m_{name}.ff.py": code.format(name, maker) for name, maker in makers.items()}
    with opened(tmp_path, files) as shop:
        shop.build()
        for name in makers:
            assert shop.rows(f"select * from m_{name}") == [(1,)]
        assert shop.relations() == {"main.m_pandas", "main.m_polars", "main.m_pyarrow"}  # no frame is left registered


def test_rebuilding_replaces_columns(tmp_path: Path) -> None:
    for text in ("select 1 as x", "select 'a' as y, 2 as z"):
        with opened(tmp_path, {"models/one.ff.sql": text}) as shop:
            shop.build()
            found = shop.rows("select * from one"), list(shop.types("one"))
    assert found == ([("a", 2)], ["y", "z"])


# places


@pytest.mark.parametrize("way", ["profile", "variable"])
def test_relations_lie_in_the_schema_of_the_profile(tmp_path: Path, way: str) -> None:
    files = {
        **ONE,
        "models/two.ff.sql": "{{ config(materialized='view') }}\n"
        "select x from {{ ref('one') }} join {{ ref('s') }} using (x)",
        "models/three.ff.py": "from fft_core import model\n@model(deps=['two', 's'])\ndef three(two, s): return two\n",
        "seeds/s.csv": "x\n1\n",
        "seeds/placed.csv": "x\n1\n",
        "seeds/schema.yml": "targets: {placed: {schema: raw}}\n",
    }
    setting = ", schema: analytics" if way == "profile" else ""
    profiles = f"dev: {{engine: duckdb, duckdb: {{path: w.duckdb{setting}}}}}\n"
    variables = {} if way == "profile" else {"FF_DUCKDB_SCHEMA": "analytics"}
    with opened(tmp_path, {**files, "profiles.yml": profiles}, **variables) as shop:
        results = shop.build()
        assert {str(result.relation) for result in results} == {
            f"w.{name}" for name in ("analytics.one", "analytics.two", "analytics.three", "analytics.s", "raw.placed")
        }
        assert shop.rows("select * from analytics.three") == [(1,)]


@pytest.mark.parametrize("stem", ["main", "analytics", "one", "my data-base", "select", "a.b"])
def test_a_file_may_have_any_stem_also_that_of_a_schema_or_table(tmp_path: Path, stem: str) -> None:
    profiles = f"dev: {{engine: duckdb, duckdb: {{path: '{stem}.duckdb', schema: analytics}}}}\n"
    files = {**ONE, "models/two.ff.sql": "select * from {{ ref('one') }}", "profiles.yml": profiles}
    files["project.yml"] = check("{type: not_null, table: two, column: x}")
    for _ in range(2):
        with opened(tmp_path, files) as shop:
            catalog = {"main": "main_db", "a.b": "a"}.get(stem, stem)  # as DuckDB names them
            assert [r.relation.parts for r in shop.build()] == [(catalog, "analytics", name) for name in ("one", "two")]
            assert planned_relations(shop.project)("one").parts == (catalog, "analytics", "one")


@pytest.mark.parametrize("path", ["w.duckdb", ":memory:"])
def test_a_catalog_may_be_named(tmp_path: Path, path: str) -> None:
    profiles = f"dev: {{engine: duckdb, duckdb: {{path: '{path}', catalog: lake}}}}\n"
    with opened(tmp_path, {**ONE, "models/two.ff.sql": "from {{ ref('one') }}", "profiles.yml": profiles}) as shop:
        with shop.warehouse.session() as session:
            built = [build_model(session, model).relation.parts for model in shop.project.order()]
        assert built == [("lake", "main", "one"), ("lake", "main", "two")]
        assert shop.rows("select * from lake.main.two") == [(1,)]


def test_names_that_are_keywords_are_quoted(tmp_path: Path) -> None:
    files = {
        "models/order.ff.sql": 'select 1 as "group"',
        "models/table.ff.sql": "select * from {{ ref('order') }}",
        "models/select.ff.py": "from fft_core import model\n@model(deps=['table'])\ndef f(df): return df\n",
        "project.yml": check("{type: not_null, table: order, column: Group}"),
    }
    with opened(tmp_path, files) as shop:
        shop.build()
        assert shop.rows('select * from "select"') == [(1,)]


def test_a_database_in_memory_keeps_nothing(tmp_path: Path) -> None:
    profiles = "dev: {engine: duckdb}\n"
    for _ in range(2):
        with opened(tmp_path, {**ONE, "profiles.yml": profiles}) as shop:
            assert shop.relations() == set()
            shop.build()
            assert shop.rows("select * from memory.main.one") == [(1,)]
    assert not list(tmp_path.glob("*duckdb*"))


# seeds


def test_seeds_from_csv_parquet_and_sql(tmp_path: Path) -> None:
    write_project(tmp_path, {})
    (tmp_path / "seeds" / "deep").mkdir(parents=True)
    rows = "select 1 as id, date '2024-01-01' as d, 1.5::decimal(4, 2) as n"
    duckdb.execute(f"copy ({rows}) to '{tmp_path / 'seeds' / 'deep' / 'pq.parquet'}' (format parquet)")
    files = {
        "seeds/csv.csv": 'id,price,name,flag,d,code,"with, comma"\n1,1.5,a,true,2024-01-01,007,"x, ""y"""\n2,,,,,,\n',
        "seeds/query.sql": "-- a seed;\nselect 1 as id, 'x' as name;",
        "seeds/deep/typed.csv": "id,at,other\n1,2024-01-01 10:00:00,5\n",
        "seeds/schema.yml": "columns: {typed: {id: integer, at: timestamp}, pq: {id: {type: bigint}}}\n",
    }
    before = datetime.now(UTC)
    with opened(tmp_path, files) as shop:
        shop.build()
        extra = {"_ff_loaded_at": "TIMESTAMP WITH TIME ZONE", "_ff_seed_id": "VARCHAR", "_ff_seed_file": "VARCHAR"}
        assert shop.types("csv") == {
            "id": "BIGINT",
            "price": "DOUBLE",
            "name": "VARCHAR",
            "flag": "BOOLEAN",
            "d": "VARCHAR",
            "code": "VARCHAR",
            "with, comma": "VARCHAR",
            **extra,
        }
        assert shop.rows("select * exclude (_ff_loaded_at) from csv order by id") == [
            (1, 1.5, "a", True, "2024-01-01", "007", 'x, "y"', "csv", "seeds/csv.csv"),
            (2, None, None, None, None, None, None, "csv", "seeds/csv.csv"),
        ]
        assert shop.types("typed") == {"id": "BIGINT", "at": "TIMESTAMP", "other": "VARCHAR", **extra}
        assert shop.types("pq") == {"id": "BIGINT", "d": "DATE", "n": "DECIMAL(4,2)", **extra}
        assert shop.rows("select id, name, _ff_seed_id from query") == [(1, "x", "query")]
        assert shop.rows("select _ff_seed_id, _ff_seed_file from pq") == [("deep/pq", "seeds/deep/pq.parquet")]
        ((loaded_at,),) = shop.rows("select _ff_loaded_at from csv limit 1")
        assert isinstance(loaded_at, datetime)
        assert before <= loaded_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\n", []),
        ("a\n1;2\n", [("1;2",)]),
        ("a\n'x\n", [("'x",)]),
        ("a,b\n# no comment,1\n", [("# no comment", 1)]),
        ("\ufeffa,b\r\n1,2\r\n", [(1, 2)]),
        ('a,b\n1,"two\nlines"\n', [(1, "two\nlines")]),
        ("a\nNA\nnull\n", [("NA",), ("null",)]),
        ("a\n9223372036854775807\n", [(9223372036854775807,)]),
    ],
)
def test_a_csv_is_read_as_it_is_written_without_guessing_its_dialect(
    tmp_path: Path, content: str, rows: list[tuple[object, ...]]
) -> None:
    with opened(tmp_path, {"seeds/s.csv": content.encode()}) as shop:
        shop.build()
        assert shop.rows("select * exclude (_ff_loaded_at, _ff_seed_id, _ff_seed_file) from s") == rows


def test_a_path_with_odd_characters_is_no_pattern(tmp_path: Path) -> None:
    with opened(tmp_path / "it's [a] {b} é", {"seeds/s.csv": "a\n1\n", **ONE}) as shop:
        shop.build()
        assert shop.rows("select a from s") == [(1,)]


def test_a_seed_whose_file_went_away(tmp_path: Path) -> None:
    with opened(tmp_path, {"seeds/s.csv": "a\n1\n"}) as shop:
        (tmp_path / "seeds" / "s.csv").unlink()
        with pytest.raises(FftError) as caught:
            shop.build()
    assert str(caught.value).startswith("seeds/s.csv: the file of seed 's' does not exist [FFT-421]")


# all or nothing


@pytest.mark.parametrize("old", ["table", "view"])
@pytest.mark.parametrize(
    ("new", "tests", "error"),
    [
        ("select 2 as x", "{type: greater_equal, table: one, column: x, threshold: 3}", CheckFailedError),
        ("select nothing as x", "{type: not_null, table: one, column: x}", StatementError),
        ("select error('boom') as x", "{type: not_null, table: one, column: x}", StatementError),
        (
            "{{ config(materialized='view') }} select error('boom') as x",
            "{type: unique, table: one, column: x}",
            FftError,
        ),
        ("select 2 as x", "{type: not_null, table: one, column: y}", FftError),
    ],
)
def test_what_fails_leaves_the_old_rows_and_nothing_else(
    tmp_path: Path, old: str, new: str, tests: str, error: type[FftError]
) -> None:
    with opened(tmp_path, {"models/one.ff.sql": f"{{{{ config(materialized='{old}') }}}} select 1 as x"}) as shop:
        shop.build()
    with opened(tmp_path, {"models/one.ff.sql": new, "project.yml": check(tests)}) as shop:
        for _ in range(2):
            with pytest.raises(error):
                shop.build()
            assert shop.rows("select x, table_type from one, information_schema.tables where table_name = 'one'") == [
                (1, "BASE TABLE" if old == "table" else "VIEW")
            ]
            assert shop.relations() == {"main.one"}


def test_a_first_build_that_fails_its_check_publishes_nothing(tmp_path: Path) -> None:
    files = {**ONE, "project.yml": check("{type: row_count_between, table: one, min_rows: 2}")}
    profiles = "dev: {engine: duckdb, duckdb: {path: w.duckdb, schema: fresh}}\n"
    with opened(tmp_path, {**files, "profiles.yml": profiles}) as shop:
        with pytest.raises(CheckFailedError) as caught:
            shop.build()
        assert shop.relations() == set()
    assert caught.value.exit_code == 2
    assert str(caught.value).startswith(
        "project.yml:4: one is not published: 1 check(s) failed: row_count_between: row_count = 1 [FFT-500]\n"
        "    hint: The first of them: row_count = 1"
    )


def test_a_warning_is_published(tmp_path: Path) -> None:
    files = {**ONE, "project.yml": check("{type: row_count_between, table: one, min_rows: 2, severity: warn}")}
    with opened(tmp_path, files) as shop:
        (result,) = shop.build()
        assert [(check.passed, check.blocks) for check in result.checks] == [(False, False)]
        assert shop.rows("select * from one") == [(1,)]


def test_readers_see_the_old_rows_or_the_new_ones(tmp_path: Path) -> None:
    """While a table is rebuilt with more rows each time, a reader in another thread never sees none, or half."""
    files = {
        "models/one.ff.sql": "select {{ var('n') }} as n, range as x from range(1000)",
        "project.yml": check("{type: not_null, table: one, column: x}"),
    }
    write_project(tmp_path, files)
    seen: list[tuple[int, int, int]] = []
    failures: list[Exception] = []
    done = threading.Event()
    first = load_project(tmp_path, environment={}, variables={"n": 0})
    with open_warehouse(first) as warehouse:
        build_model(warehouse, first.model("one"))

        def read() -> None:
            with warehouse.session() as session:
                while not done.is_set():
                    try:
                        seen.extend(session.engine.fetch("select min(n), max(n), count(*) from one"))
                    except Exception as error:  # noqa: BLE001 - reported below
                        failures.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        for n in range(1, 25):
            project = load_project(tmp_path, environment={}, variables={"n": n})
            with open_warehouse(project) as writer:
                build_model(writer, project.model("one"))
        done.set()
        reader.join()
    assert failures == []
    assert {(low == high, rows) for low, high, rows in seen} == {(True, 1000)}
    assert [low for low, _, _ in seen] == sorted(low for low, _, _ in seen)
    assert len({low for low, _, _ in seen}) > 1


def test_many_threads_build_into_a_schema_that_is_not_there_yet(tmp_path: Path) -> None:
    profiles = "dev: {engine: duckdb, duckdb: {path: w.duckdb, schema: fresh}}\n"
    files = {f"models/m{i}.ff.sql": f"select {i} as x" for i in range(8)}
    with opened(tmp_path, {**files, "profiles.yml": profiles}) as shop:
        failures: list[BaseException] = []
        start = threading.Barrier(8)

        def build(name: str) -> None:
            try:
                with shop.warehouse.session() as session:
                    start.wait()
                    build_model(session, shop.project.model(name))
            except BaseException as error:  # noqa: BLE001 - reported below
                failures.append(error)

        threads = [threading.Thread(target=build, args=(name,)) for name in shop.project.models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [str(failure) for failure in failures] == []
        assert shop.relations() == {f"fresh.m{i}" for i in range(8)}


def test_a_file_that_another_process_has_open_is_busy(tmp_path: Path) -> None:
    import subprocess
    import sys

    from fft_core.engines.protocol import open_session

    path = str(tmp_path / "w.duckdb")
    code = f"import duckdb, sys; c = duckdb.connect({path!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        other.stdout.readline()
        with pytest.raises(BusyError) as caught:
            open_session("duckdb", {"path": path, "lock_timeout_seconds": 0.1})
        other.stdin.close()
    assert caught.value.can_retry
    assert str(caught.value).startswith(f"{path} is open in another process: ")
    assert f"(PID {other.pid})" in str(caught.value)
    assert str(caught.value).endswith(
        "hint: DuckDB lets one process write to a file. Close the other one, or wait for it."
    )
