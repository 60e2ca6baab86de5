"""`fft show` as a process: tables for people, JSON, SQL alone; nothing is built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from test_build_command import SHOP, fft, write

FILES = {
    **SHOP,
    "models/cells.ff.sql": """\
        select id, email, case when id = 1 then null else 1.50 end as n, case when id = 1 then 'NULL' else '' end as t,
            id = 1 as b, date '2025-01-01' as d, 'ü日本' as w, [id, null] as l
        from {{ ref('seed_users') }} order by id
        """,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write(tmp_path_factory.mktemp("shown"), FILES)
    with duckdb.connect(str(root / "dev.duckdb")) as connection:
        connection.execute(
            "create table seed_users as select * from (values (1, 'a@x.at'), (20, 'b\nc')) as v(id, email)"
        )
    return root


def test_a_table_with_types_and_visible_nulls(shop: Path) -> None:
    finished = fft("show", "cells", shop)
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.splitlines() == [
        "     id  email               n  t        b        d           w        l",
        "INTEGER  VARCHAR  DECIMAL(3,2)  VARCHAR  BOOLEAN  DATE        VARCHAR  INTEGER[]",
        "      1  a@x.at           NULL  'NULL'   true     2025-01-01  ü日本    [1, null]",
        "     20  'b\\nc'           1.50  ''       false    2025-01-01  ü日本    [20, null]",
        "",
        "2 rows",
    ]


def test_some_rows_as_json(shop: Path) -> None:
    finished = fft("show", "cells", shop, "--limit", "1", "--json")
    assert (finished.code, finished.err) == (0, "")
    found = json.loads(finished.out)
    assert found["columns"][:2] == [{"name": "id", "type": "INTEGER"}, {"name": "email", "type": "VARCHAR"}]
    assert found["rows"] == [
        {"id": 1, "email": "a@x.at", "n": None, "t": "NULL", "b": True, "d": "2025-01-01", "w": "ü日本", "l": [1, None]}
    ]
    assert (found["has_more"], found["published"]) == (True, None)


def test_a_model_and_a_project_in_the_wrong_order(shop: Path) -> None:
    finished = fft("show", shop, "cells")
    assert finished.code == 2
    assert f"the model comes first: fft show cells {shop} [FFT-310]" in finished.err


def test_sql_alone_opens_no_database(tmp_path: Path) -> None:
    root = write(tmp_path, FILES)
    finished = fft("show", "users.ff", root, "--sql")
    assert (finished.code, finished.err) == (0, "")
    assert finished.out == 'select id, email from "dev"."main"."seed_users"\n'
    assert not list(root.glob("*.duckdb"))
    inline = fft("show", "--inline", "select * from {{ ref('users') }}", root, "--sql", "--json")
    assert json.loads(inline.out) == {"model": "_inline", "sql": 'select * from "dev"."main"."users"'}


def test_a_query_of_ones_own(shop: Path) -> None:
    finished = fft("show", "--inline", "select count(*) as n from {{ ref('seed_users') }}", cwd=shop)
    assert (finished.code, finished.out.split()) == (0, ["n", "BIGINT", "2", "1", "row"])


def test_published_rows_are_called_so(shop: Path) -> None:
    finished = fft("show", "seed_users", shop, "-n", "1")
    assert finished.lines[-1] == "the first 1 row, as published in dev.main.seed_users"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "name a model, or give a query with --inline"),
        (["cell"], 2, "'cell' is not a model, seed or source [FFT-301]\n    hint: Did you mean 'cells'?"),
        (
            ["loud"],
            1,
            ("relation of loud does not exist: dev.main.loud [FFT-420]\n    hint: Build the model 'loud' first."),
        ),
        (["loud", "--sql"], 1, "models/loud.ff.py:4: 'loud' is a Python model: it has no SQL [FFT-300]"),
        (["seed_users", "--sql"], 1, "'seed_users' has no SQL: it is not a model [FFT-300]"),
        (["--inline", "select * from {{ ref('cell') }}"], 1, "ref('cell') is not a model or seed [FFT-110]"),
        (["cells", ".", "--inline", "select 1"], 2, "name a model or use --inline, not both"),
        (["cells", "--limit", "0"], 2, "0 is not in the range x>=1"),
    ],
)
def test_what_cannot_be_shown(shop: Path, arguments: list[str], code: int, said: str) -> None:
    finished = fft("show", *arguments, cwd=shop)
    assert (finished.code, finished.out) == (code, "")
    assert said in finished.err


def test_a_database_that_is_missing_is_not_created(tmp_path: Path) -> None:
    root = write(tmp_path, FILES)
    finished = fft("show", "users", root)
    assert finished.code == 1
    assert "model 'users' reads dev.main.seed_users, which does not exist [FFT-420]" in finished.err
    assert "hint: Build the seed 'seed_users' first." in finished.err
    assert not list(root.glob("*.duckdb"))


@pytest.mark.parametrize("arguments", [["show", "users"], ["utest", "."], ["source", "freshness"]])
def test_nothing_slow_is_imported(shop: Path, arguments: list[str]) -> None:
    """Neither Dagster nor pandas; `fft show` reads no frame."""
    code = (
        "import sys; from fft_cli import main\n"
        f"sys.argv = ['fft', *{arguments!r}]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "print(sorted({'dagster', 'pandas', 'pyarrow', 'polars', 'psycopg'} & set(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", code], cwd=shop, capture_output=True, text=True, check=False)
    assert finished.stdout.splitlines()[-1:] == ["[]"], finished.stderr
