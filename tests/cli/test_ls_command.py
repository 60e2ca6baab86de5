"""`fft ls` and `fft dag` as processes: what they print, and that they open and import nothing that they do not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_build_command import SHOP, fft, write

FILES = {
    **SHOP,
    "project.yml": SHOP["project.yml"].replace("name: shop", "name: shop\n        docs: {dag_dir: out/graph}"),
    "models/few.ff.sql": """\
        {{ config(materialized='view', tags=['x', 'y'], description='Some of them.') }}
        select id from {{ ref('users') }} where id < 2
        """,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("listed"), FILES)


def test_a_table_in_build_order(shop: Path) -> None:
    finished = fft("ls", shop)
    assert (finished.code, finished.err) == (0, "")
    assert finished.lines == [
        "name kind materialized tags file",
        "seed_users seed seeds/seed_users.csv",
        "users sql table models/users.ff.sql",
        "few sql view x, y models/few.ff.sql",
        "loud python table models/loud.ff.py",
    ]
    assert not list(shop.glob("*.duckdb"))
    assert not (shop / ".fastflowtransform" / "target").exists()


def test_names_and_files_a_line_each_for_pipes(shop: Path) -> None:
    assert fft("ls", shop, "--output", "name", "--select", "users+", "--exclude", "loud").out == "users\nfew\n"
    assert fft("ls", shop, "-o", "path", "--select", "kind:seed few").out == "seeds/seed_users.csv\nmodels/few.ff.sql\n"
    assert fft("ls", shop, "-o", "name", "--select", "tag:nothing").out == ""


def test_json_tells_what_the_files_say(shop: Path) -> None:
    finished = fft("ls", shop, "--json", "--select", "few")
    assert json.loads(finished.out) == {
        "nodes": [
            {
                "name": "few",
                "kind": "sql",
                "materialized": "view",
                "file": "models/few.ff.sql",
                "line": 1,
                "description": "Some of them.",
                "tags": ["x", "y"],
                "owners": [],
                "refs": ["users"],
                "sources": [],
                "relation": "dev.main.few",
            }
        ]
    }


def test_an_unknown_name_is_an_error_with_a_hint(shop: Path) -> None:
    finished = fft("ls", shop, "--select", "user")
    assert (finished.code, finished.out) == (2, "")
    assert "Did you mean 'users'" in finished.err


def test_mermaid_on_stdout_and_a_page_where_project_yml_says(shop: Path) -> None:
    printed = fft("dag", shop, "--select", "+few")
    assert (printed.code, printed.err) == (0, "")
    assert printed.lines == [
        "flowchart LR", 'n_seed_users[/"seed_users"/]', 'n_users["users"]', 'n_few("few")',
        "n_seed_users --> n_users", "n_users --> n_few",
    ]  # fmt: skip
    written = fft("dag", shop, "--html")
    path = shop / "out" / "graph" / "index.html"
    assert (written.code, written.out) == (0, f"{path}\n")
    assert 'data-node="loud"' in path.read_text(encoding="utf-8")
    assert not list(shop.glob("*.duckdb"))


def test_neither_imports_what_it_does_not_need(shop: Path) -> None:
    write(shop, {"profiles.yml": "dev: {engine: duckdb, duckdb: {path: dev.duckdb}}\n"})  # nothing to render
    fft("ls", shop)  # fills the cache
    heavy = ("jinja2", "sqlglot", "pydantic", "pandas", "pyarrow", "duckdb", "psycopg", "dagster")
    code = f"""
import sys
from fft_cli.app import main
for command in ("ls", "dag"):
    sys.argv = ["fft", command, {str(shop)!r}]
    try:
        main()
    except SystemExit as end:
        assert not end.code
print([module for module in {heavy} if module in sys.modules])"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"
