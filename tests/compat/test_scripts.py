"""Scripts that use the registry and an executor, as those of the original do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import drop_schema, new_schema
from run_helpers import write

from fft_core import FftError
from fft_core.compat import REGISTRY, DuckExecutor, PostgresExecutor, mermaid, topo_sort
from fft_core.compat.scripts import Executor

FILES = {
    "project.yml": "name: old\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb}\npg: {engine: postgres, postgres: {dsn: 'postgresql://nobody@nowhere/x'}}\n",
    "seeds/raw.csv": "id\n1\n2\n",
    "models/b.ff.sql": "select id from {{ ref('raw') }}",
    "models/a.ff.py": "from fastflowtransform import model\n\n@model(name='a.ff', deps=['b.ff'])\n"
    "def a(b):\n    return b[b['id'] > 1]\n",
}


@pytest.fixture(params=["duckdb", "postgres"])
def executor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Executor]:
    root = write(tmp_path, FILES)
    if request.param == "duckdb":
        REGISTRY.load_project(root)
        with DuckExecutor(db_path=str(tmp_path / "db.duckdb")) as made:
            yield made
        return
    dsn, schema = request.getfixturevalue("postgres_dsn"), new_schema()
    REGISTRY.load_project(root, "pg")
    with PostgresExecutor(dsn, schema) as made:
        yield made
    drop_schema(dsn, schema)


def test_a_project_is_built_node_by_node(executor: Executor) -> None:
    executor.seed()
    order = topo_sort(REGISTRY.nodes)
    assert order == ["b", "a"]
    rows = []
    for name in order:
        node = REGISTRY.get_node(f"{name}.ff")
        result = executor.run_sql(node, REGISTRY.env) if node.kind == "sql" else executor.run_python(node)
        rows.append(result.row_count)
    assert rows == [2, 1]
    assert "n_b --> n_a" in mermaid(REGISTRY.nodes)


def test_an_executor_of_another_engine_says_so(tmp_path: Path) -> None:
    REGISTRY.load_project(write(tmp_path, FILES), "pg")
    with DuckExecutor() as executor, pytest.raises(FftError, match="loaded for postgres, not for duckdb"):
        executor.seed()


def test_nothing_is_loaded_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_project", None)
    with pytest.raises(FftError, match="no project is loaded"):
        topo_sort({})
