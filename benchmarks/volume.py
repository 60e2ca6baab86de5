"""Ten million flights: the example project against the same statements and checks in a bare DuckDB loop.

`volume.py prepare FOLDER TIMES` writes the project and the statements; `volume.py loop FOLDER` runs them.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import yaml

from fft_core import Model, Project, Warehouse, load_project, open_warehouse
from fft_core.checks.builtin import check_query
from fft_core.names.unused import ROWS

EXAMPLE = Path(__file__).parents[1] / "example_project"
FLIGHTS = 336_776


def prepare(folder: Path, times: int) -> None:
    """Copy the example with its flights repeated, a year later each time, and note the statements of a build."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.ff.py", "unit"))
    flights = folder / "seeds" / "raw_flights.parquet"
    years = f"""
        select f.* replace (f.year + n as year, f.time_hour + n * interval 1 year as time_hour)
        from read_parquet('{EXAMPLE / "seeds" / "raw_flights.parquet"}') as f, range({times}) as r(n)"""
    duckdb.execute(f"copy ({years}) to '{flights}' (format parquet)")
    project_yml = (folder / "project.yml").read_text().replace(str(FLIGHTS), str(FLIGHTS * times))
    (folder / "project.yml").write_text(re.sub(r"max_rows: \d+", "max_rows: 1000000000", project_yml))
    _drop_models_without_inputs(folder)
    (folder / "statements.json").write_text(json.dumps(statements(load_project(folder, environment={}))))
    shutil.rmtree(folder / ".local")


def _drop_models_without_inputs(folder: Path) -> None:
    """Remove Python models, which are the same calls in both, and the models that depend on them."""
    gone = {path.name.removesuffix(".ff.py") for path in EXAMPLE.rglob("*.ff.py")}
    paths = list(folder.rglob("*.ff.sql"))
    while True:
        reads = [p for p in paths if p.exists() and any(f"ref('{name}')" in p.read_text() for name in gone)]
        if not reads:
            break
        for path in reads:
            gone.add(path.name.removesuffix(".ff.sql"))
            path.unlink()
    for path in [folder / "project.yml", *(folder / "models").rglob("*.yml")]:
        _forget(path, gone)


def _forget(path: Path, names: set[str]) -> None:
    content = yaml.safe_load(path.read_text())
    for key, by in (("models", "name"), ("tests", "table")):
        if isinstance(content, dict) and isinstance(content.get(key), list):
            content[key] = [entry for entry in content[key] if entry.get(by) not in names]
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def statements(project: Project) -> list[list[str]]:
    """Return the statements of a build of everything: for each node its own, and one for all of its checks."""
    listed: list[list[str]] = []
    with open_warehouse(project) as warehouse:
        engine = warehouse.engine
        for node in project.stored():
            relation = warehouse.relation(node.name)
            if isinstance(node, Model):
                kind, query = node.materialization.name, warehouse.compiler.sql(node, warehouse.naming)
            else:
                with engine.frames.file_query(project.root / node.path, node.column_types, node.form) as rows:
                    kind, query = "table", f"select *, now() as _ff_loaded_at from ({rows}) as seed"
            if kind == "ephemeral":
                continue
            create = f"create or replace {kind} {relation.sql(engine.spelling)} as {query}"
            warehouse.ensure_schema(relation)
            engine.execute(create)  # the columns are needed for its checks
            listed.append([create, *_checks(project, node.name, warehouse)])
    return listed


def _checks(project: Project, name: str, warehouse: Warehouse) -> list[str]:
    relation, spelling = warehouse.relation(name), warehouse.engine.spelling
    columns = warehouse.engine.columns(spelling.select_all(relation))
    checks, now = project.checks_of(name), datetime.now(UTC)
    made = [check_query(check, relation, columns, warehouse.engine, warehouse.relation, now) for check in checks]
    shared = [query.count for query in made if query.count is not None]
    scan = f"select count(*){''.join(f', {count}' for count in shared)} from {relation.sql(spelling)} as {ROWS}"
    return [scan, *(f"select count(*) from ({query.failing_rows}) as t" for query in made if query.count is None)]


def loop(folder: Path) -> None:
    """Run the statements, each node in a transaction of its own."""
    connection = duckdb.connect(str(folder / ".local" / "flights.duckdb"))
    connection.execute("set global TimeZone = 'UTC'")
    for node in json.loads((folder / "statements.json").read_text()):
        connection.execute("begin")
        for statement in node:
            connection.execute(statement).fetchall()
        connection.execute("commit")


if __name__ == "__main__":
    if sys.argv[1] == "prepare":
        prepare(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        loop(Path(sys.argv[2]))
