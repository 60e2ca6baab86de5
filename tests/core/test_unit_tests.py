"""Unit tests are run: what the model is given and how it is typed, on both engines; nothing of the database changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from unit_test_bench import Bench, Files, said, why
from written_projects import opened, write_project

from fft_core import FftError, load_project, run_unit_tests
from fft_core.unit_tests.run import select_unit_tests

USERS = "select id, lower(email) as email from {{ ref('raw_users') }} where email is not null"
FILES: Files = {"seeds/raw_users.csv": "id,email\n1,a@x.at\n", "models/users.ff.sql": USERS}
CASE = "model: users\ncases: [{name: a, inputs: {raw_users: {rows: [{id: 1, email: A}]}}, expect: {rows: [{id: 1}]}}]"


def test_a_sql_model_on_given_rows(bench: Bench) -> None:
    results = bench.run(
        {
            **FILES,
            "tests/unit/users.yml": """\
                model: users.ff
                defaults: {inputs: {raw_users: {rows: [{id: 1, email: A@x.at}, {id: 2, email: null}, {id: 3}]}}}
                cases:
                  - {name: good, expect: {rows: [{id: 1, email: a@x.at}]}}
                  - {name: wrong, expect: {rows: [{id: 1, email: A@x.at}, {id: 2, email: null}]}}
                  - {name: unknown, expect: {rows: [{mail: x}]}}
                """,
        }
    )
    assert [result.status for result in results.values()] == ["pass", "fail", "fail"]
    wrong = results["wrong"].mismatches["users"]
    assert [(row.expected, row.found, row.columns) for row in wrong.differing] == [
        ((1, "A@x.at"), (1, "a@x.at"), ("email",))
    ]
    assert wrong.missing == ((2, None),)
    assert "no column 'mail'" in why(results["unknown"])


def test_types_are_inferred_from_values(bench: Bench) -> None:
    row = "{i: 1, f: 1.5, w: 2, b: true, t: 'x', d: 2025-01-02, s: 2025-01-02 10:30:00, z: 2025-01-02T10:30:00+02:00}"
    checks = {
        "i": "i / 2 = 0 and i + 4294967296 > 0" if bench.engine == "postgres" else "typeof(i) = 'BIGINT'",
        "f": "f / 3 = 0.5",
        "w": "w / 4 = 0.5",
        "b": "b",
        "t": "t || 'y' = 'xy'",
        "d": "extract(day from d) = 2",
        "s": "s + interval '1 minute' = timestamp '2025-01-02 10:31:00'",
        "z": "z = timestamp '2025-01-02 08:30:00'",
    }
    text = f"""\
        model: typed
        cases:
          - name: a
            inputs: {{raw_users: {{rows: [{row}, {{w: 0.5}}]}}}}
            expect: {{rows: [{{{", ".join(f"{name}: true" for name in checks)}}}]}}
        """
    query = ", ".join(f"{check} as {name}" for name, check in checks.items())
    model = f"select {query} from {{{{ ref('raw_users') }}}} where i is not null"
    assert bench.outcome({**FILES, "models/typed.ff.sql": model, "tests/unit/t.yml": text}) == {"a": "pass"}


def test_declared_types_win_and_fill_what_is_left_out(bench: Bench) -> None:
    files = {
        "seeds/raw_users.csv": "id,zip,joined,note\n1,01234,2025-01-01,\n",
        "seeds/schema.yml": "columns: {raw_users: {id: integer, joined: timestamp}}",
        "sources.yml": "version: 2\nsources: [{name: crm, tables: [{name: sums, columns: "
        "[{name: amount, data_type: 'decimal(9,2)'}, {name: id, data_type: bigint}]}]}]",
        "models/sums.ff.sql": "select u.id, u.zip || '!' as zip, u.joined + interval '1 hour' as joined, s.amount "
        "from {{ ref('raw_users') }} as u left join {{ source('crm', 'sums') }} as s on s.id = u.id",
        "tests/unit/sums.yml": """\
            model: sums
            cases:
              - name: filled
                inputs:
                  raw_users: {rows: [{id: 1, zip: 1234}]}
                  crm.sums: {rows: [{id: 1, amount: 1.125}]}
                expect: {rows: [{id: 1, zip: "1234!", joined: null, amount: "1.13"}]}
              - name: empty
                inputs:
                  raw_users: {rows: [{id: 1, joined: 2025-01-01, zip: "01"}]}
                  crm.sums: {rows: []}
                expect: {rows: [{id: 1, zip: 01!, joined: 2025-01-01 01:00:00, amount: null}]}
              - name: csv
                inputs:
                  raw_users: {csv: "id,zip,joined\\n1,007,2025-01-01\\n2,,\\n"}
                  crm.sums: {csv: data/sums.csv, columns: {amount: double}}
                expect:
                  rows:
                    - {id: 1, zip: 007!, joined: 2025-01-01 01:00:00, amount: 1.125}
                    - {id: 2, zip: null, joined: null, amount: null}
            """,
        "tests/unit/data/sums.csv": "id,amount\n1,1.125\n",
    }
    assert bench.outcome(files) == {"filled": "pass", "empty": "pass", "csv": "pass"}


def test_inputs_that_cannot_be_stored_are_errors_with_their_line(bench: Bench) -> None:
    inputs = {
        "no columns": "{rows: []}",
        "mixed": "{rows: [{id: 1}, {id: x}]}",
        "nested": "{rows: [{id: {a: 1}}]}",
        "case": "{rows: [{id: 1, ID: 2}]}",
        "cast": "{rows: [{id: x}], columns: {id: integer}}",
        "type": "{rows: [{id: 1}], columns: {id: no_such_type}}",
        "ragged": '{csv: "id,email\\n1\\n"}',
        "no file": "{csv: nothing.csv}",
        "other columns": "{rows: [{mail: 1}]}",
    }
    cases = "".join(
        f"\n  - {{name: {name}, inputs: {{raw_users: {rows}}}, expect: {{rows: []}}}}" for name, rows in inputs.items()
    )
    results = bench.run({**FILES, "tests/unit/users.yml": f"model: users\ncases:{cases}\n"})
    assert [result.status for result in results.values()] == ["error"] * len(inputs)
    errors = {name: str(result.error) for name, result in results.items()}
    assert "an input without rows needs the types of its columns [FFT-510]\n    hint: Declare" in errors["no columns"]
    assert "the type of column 'id' is not clear: it holds integer and string [FFT-510]" in errors["mixed"]
    assert "columns: {id: string}" in errors["mixed"]
    assert "'id' is not clear: it holds mapping [FFT-510]" in errors["nested"]
    assert "columns 'id' and 'ID' differ only in case [FFT-510]" in errors["case"]
    assert "the rows of raw_users cannot be stored" in errors["cast"]
    assert "no_such_type" in errors["type"]
    assert "line 2 of the CSV: the line has 1 field, and the header has 2 [FFT-510]" in errors["ragged"]
    assert "the file nothing.csv does not exist [FFT-510]" in errors["no file"]
    assert "model 'users'" in errors["other columns"]
    lines = [f"tests/unit/users.yml:{line}: " for line in range(3, 11)]
    assert [error[: len(line)] for error, line in zip(errors.values(), lines, strict=False)] == lines


def test_python_models_get_frames_of_the_given_rows(bench: Bench) -> None:
    files = {
        **FILES,
        "models/upper.ff.sql": "{{ config(materialized='ephemeral') }} "
        "select id, upper(email) as email from {{ ref('users') }}",
        "models/counted.ff.py": """\
            import pandas as pd
            from fft_core import model

            @model(deps=["users", "upper"], requires={"users": {"id"}})
            def counted(users: pd.DataFrame, upper: pd.DataFrame) -> pd.DataFrame:
                return users.merge(upper, on="id", suffixes=("", "_upper"))
            """,
        "tests/unit/counted.yml": """\
            model: counted
            cases:
              - name: good
                inputs: {users: {rows: [{id: 1, email: a}, {id: 2}]}}
                expect: {rows: [{id: 1, email: a, email_upper: A}, {id: 2}]}
              - name: fails
                inputs: {users: {rows: [{email: a}]}, upper: {rows: [{id: 1}]}}
                expect: {rows: []}
            """,
    }
    found = bench.outcome(files)
    assert found["good"] == "pass"
    assert "requires 'id' of 'users', which has 'email' [FFT-412]" in found["fails"]


def test_ephemeral_parents_are_inlined_or_given(bench: Bench) -> None:
    files = {
        **FILES,
        "models/cleaned.ff.sql": f"{{{{ config(materialized='ephemeral') }}}} {USERS}",
        "models/named.ff.sql": "{{ config(materialized='view') }} "
        "select id, email || '!' as email from {{ ref('cleaned') }}",
        "tests/unit/named.yml": """\
            model: named
            cases:
              - {name: inlined, inputs: {raw_users: {rows: [{id: 1, email: A}]}}, expect: {rows: [{id: 1, email: a!}]}}
              - {name: given, inputs: {cleaned: {rows: [{id: 1, email: A}]}}, expect: {rows: [{id: 1, email: A!}]}}
            """,
        "tests/unit/cleaned.yml": """\
            model: cleaned
            cases:
              - {name: itself, inputs: {raw_users: {rows: [{id: 1, email: A}]}}, expect: {rows: [{id: 1, email: a}]}}
            """,
    }
    assert bench.outcome(files) == {"itself": "pass", "inlined": "pass", "given": "pass"}


def test_incremental_models_add_to_the_given_table(bench: Bench) -> None:
    files = {
        "sources.yml": "version: 2\nsources: [{name: crm, schema: raw, tables: [{name: events, identifier: ev}]}]",
        "models/latest.ff.sql": "{{ config(materialized='incremental', unique_key='id', updated_at_column='seen') }}"
        "select id, seen, n from {{ source('crm', 'events') }}"
        "{% if is_incremental() %} where seen > (select max(seen) from {{ this }}){% endif %}",
        "models/added.ff.py": """\
            from fft_core import model

            @model(deps=["latest"], materialized="incremental", unique_key="id")
            def added(latest, *, this=None, is_incremental=False):
                assert is_incremental == (this is not None)
                return latest if this is None else latest[latest["id"] > this["id"].max()]
            """,
        "tests/unit/latest.yml": """\
            model: latest
            cases:
              - name: first
                inputs: {ev: {rows: [{id: 1, seen: 2025-01-01, n: 1.5}]}}
                expect: {rows: [{id: 1, seen: 2025-01-01, n: 1.5}]}
              - name: next
                inputs:
                  crm.events: {rows: [{id: 1, seen: 2025-01-03, n: 2.5}, {id: 2, seen: 2024-01-01, n: 9.5}]}
                  this: {rows: [{id: 1, seen: 2025-01-02}, {id: 3, seen: 2024-01-01}]}
                expect: {rows: [{id: 1, seen: 2025-01-03, n: 2.5}, {id: 3, seen: 2024-01-01, n: null}]}
              - name: key
                inputs: {ev: {rows: [{id: 1, seen: 2025-01-01, n: 1}, {id: 1, seen: 2025-01-02, n: 1}]}}
                expect: {rows: []}
            """,
        "tests/unit/added.yml": """\
            model: added
            cases:
              - {name: py first, inputs: {latest: {rows: [{id: 1}]}}, expect: {rows: [{id: 1}]}}
              - name: py next
                inputs: {latest: {rows: [{id: 1}, {id: 2}, {id: 6}]}, added: {rows: [{id: 1}, {id: 5}]}}
                expect: {rows: [{id: 1}, {id: 5}, {id: 6}]}
            """,
    }
    found = bench.outcome(files)
    assert "values of unique_key (id) that occur more than once: 1, such as id = 1 (2 times) [FFT-432]" in found.pop(
        "key"
    )
    assert found == dict.fromkeys(["py first", "py next", "first", "next"], "pass")


def test_snapshots_version_the_given_table(bench: Bench) -> None:
    files = {
        **FILES,
        "models/history.ff.sql": "{{ config(materialized='snapshot', unique_key='id', "
        "snapshot={'strategy': 'timestamp', 'updated_at': 'seen'}) }} select id, seen, n from {{ ref('raw_users') }}",
        "tests/unit/history.yml": """\
            model: history
            cases:
              - name: first
                inputs: {raw_users: {rows: [{id: 1, seen: 2025-01-01, n: 1}]}}
                expect: {rows: [{id: 1, _ff_valid_from: 2025-01-01, _ff_valid_to: null, _ff_is_current: true}]}
              - name: next
                inputs:
                  raw_users: {rows: [{id: 1, seen: 2025-01-02, n: 2}]}
                  this:
                    columns: {_ff_valid_to: timestamp}
                    rows:
                      - {id: 1, seen: 2025-01-01, n: 1, _ff_updated_at: 2025-01-01, _ff_valid_from: 2025-01-01,
                         _ff_valid_to: null, _ff_is_current: true, _ff_snapshot_hash: null}
                expect: {rows: [{id: 1, n: 1, _ff_is_current: false}, {id: 1, n: 2, _ff_is_current: true}]}
            """,
    }
    assert bench.outcome(files) == {"first": "pass", "next": "pass"}


def test_sources_of_one_name_are_kept_apart(bench: Bench) -> None:
    files = {
        "sources.yml": "version: 2\nsources:\n  - {name: a, schema: one, tables: [{name: t}]}\n"
        "  - {name: b, schema: two, tables: [{name: t}]}\n",
        "models/both.ff.sql": "with t as (select x from {{ source('a', 't') }}) "
        "select t.x, u.x as y from t, {{ source('b', 't') }} as u",
        "tests/unit/both.yml": "model: both\ncases: [{name: a, inputs: {a.t: {rows: [{x: 1}]}, b.t: {rows: [{x: 2}]}}, "
        "expect: {rows: [{x: 1, y: 2}]}}]",
    }
    assert bench.outcome(files) == {"a": "pass"}


def test_one_table_under_two_names_has_one_set_of_rows(bench: Bench) -> None:
    files = {
        **FILES,
        "sources.yml": "crm:\n  people: {identifier: raw_users}\n",
        "models/both.ff.sql": "select s.id from {{ source('crm', 'people') }} as s "
        "join {{ ref('raw_users') }} using (id)",
        "tests/unit/both.yml": "model: both\ncases: [{name: a, inputs: {raw_users: {rows: [{id: 1}]}}, "
        "expect: {rows: [{id: 1}]}}]",
    }
    assert bench.outcome(files) == {"a": "pass"}


def test_nothing_published_is_touched(bench: Bench) -> None:
    """Neither the tables of the project nor others are read or changed; no schema, no record, no file is made."""
    files = {
        **FILES,
        "tests/unit/users.yml": "model: users\ncases: [{name: a, inputs: {raw_users: {rows: [{id: 5, email: Z}]}}, "
        "expect: {rows: [{id: 5, email: z}]}}]",
    }
    assert bench.outcome(files) == {"a": "pass"}
    assert not (bench.root / "db.duckdb").exists()
    with opened(bench.root) as shop:
        assert not {name for name in shop.relations() if name.endswith("users")}
        shop.build()
        before = shop.relations()
    assert bench.outcome(files) == {"a": "pass"}
    with opened(bench.root) as shop:
        assert shop.relations() == before
        assert shop.rows(f"select * from {shop.warehouse.relation('users').sql(shop.warehouse.engine.spelling)}") == [
            (1, "a@x.at")
        ]


def test_a_database_that_is_in_use_is_no_hindrance(make_bench: Callable[[str], Bench]) -> None:
    bench = make_bench("duckdb")
    project = bench.load({**FILES, "tests/unit/t.yml": CASE})
    with opened(bench.root):
        assert [result.status for result in run_unit_tests(project, project.unit_tests)] == ["pass"]


def test_the_profile_for_unit_tests_is_used_where_there_is_one(make_bench: Callable[[str], Bench]) -> None:
    bench = make_bench("duckdb")
    engine = "select id, '{{ engine() }}' as engine from {{ ref('raw_users') }}"
    text = (
        "model: users\ncases: [{name: a, inputs: {raw_users: {rows: [{id: 1}]}}, expect: {rows: [{engine: duckdb}]}}]"
    )
    profiles = "dev: {engine: postgres, postgres: {dsn: 'postgresql://nobody@127.0.0.1:1/nothing'}}\n"
    files = {**FILES, "models/users.ff.sql": engine, "tests/unit/t.yml": text, "profiles.yml": profiles}
    with pytest.raises(FftError, match=r"cannot connect to Postgres at 127\.0\.0\.1:1"):
        bench.run(files)
    own = f"{profiles}dev_utest: {{engine: duckdb, duckdb: {{path: utest.duckdb}}}}\n"
    project = load_project(
        write_project(bench.root, {**files, "profiles.yml": own}),
        "dev",
        environment={"FF_DUCKDB_PATH": str(bench.root / "elsewhere.duckdb"), "FF_ENGINE": "postgres"},
    )
    assert [said(result) for result in run_unit_tests(project, project.unit_tests)] == ["pass"]
    assert (bench.root / "utest.duckdb").exists()
    assert not (bench.root / "elsewhere.duckdb").exists()


def test_the_profile_for_unit_tests_may_leave_out_the_dsn(
    make_bench: Callable[[str], Bench], postgres_dsn: str, postgres_schema: str
) -> None:
    bench = make_bench("duckdb")
    profiles = f"dev: {{engine: duckdb}}\ndev_utest: {{engine: postgres, postgres: {{db_schema: {postgres_schema}}}}}\n"
    files = {**FILES, "tests/unit/t.yml": CASE, "profiles.yml": profiles}
    with pytest.raises(FftError, match=r"dev_utest\.postgres\.dsn is missing"):
        bench.run(files)
    project = load_project(bench.root, "dev", environment={"FF_PG_DSN": postgres_dsn, "FF_ENGINE": "duckdb"})
    assert [said(result) for result in run_unit_tests(project, project.unit_tests)] == ["pass"]
    with psycopg.connect(postgres_dsn) as connection:
        query = "select count(*) from pg_namespace where nspname = %s"
        assert connection.execute(query, [postgres_schema]).fetchone() == (0,)


def test_unit_tests_are_chosen(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "duckdb", "{path: db.duckdb}")
    project = bench.load({**FILES, "tests/unit/t.yml": CASE, "models/other.ff.sql": "select 1 as one"})
    assert len(select_unit_tests(project, model="users.ff", case="a")) == 1
    assert select_unit_tests(project, model="other") == ()
    assert select_unit_tests(project, models=frozenset({"other"})) == ()
    with pytest.raises(FftError, match=r"'user' is not a model \[FFT-\d+\]\s+hint: Did you mean 'users'"):
        select_unit_tests(project, model="user")
    with pytest.raises(FftError, match=r"no unit test has the case 'b' \[FFT-\d+\]\s+hint: There are a\."):
        select_unit_tests(project, case="b")
