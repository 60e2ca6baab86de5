"""Whole projects on another engine: their tables are those of DuckDB, value by value."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
from targets import Target

from fft_core import Run, load_project, read_relation

ROOT = Path(__file__).parents[2]
USERS_ORDERS, EXAMPLE = ROOT / "tests" / "projects" / "users_orders", ROOT / "example_project"
LOADED = "_ff_loaded_at"


def copied(project: Path, root: Path) -> None:
    shutil.copytree(project, root, ignore=shutil.ignore_patterns(".*", "__pycache__"))


def with_fewer_flights(project: Path, root: Path) -> None:
    """Copy the example with every sixteenth flight, without the check that counts all of them."""
    copied(project, root)
    flights = root / "seeds" / "raw_flights.parquet"
    table = parquet.read_table(flights)
    parquet.write_table(table.take(pa.array(range(0, table.num_rows, 16))), flights)
    config = root / "project.yml"
    kept = [line for line in config.read_text().splitlines() if "row_count_between" not in line]
    config.write_text("\n".join(kept))


def check_tables(target: Target, folder: Path, project: Path, copy: Callable[[Path, Path], None] = copied) -> None:
    """Build copies of a project on a target and on DuckDB, and compare each table."""
    roots = [folder / "here", folder / "there"]
    for root in roots:
        copy(project, root)
    with target.settings() as settings:
        found = built(roots[0], {"engine": target.engine, target.engine: settings})
    wanted = built(roots[1], {"engine": "duckdb", "duckdb": {"path": str(folder / "db.duckdb")}})
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert found[name][0] == rows[0], name
        assert len(found[name]) == len(rows), name
        for ours, theirs in zip(found[name], rows, strict=True):
            assert ours == theirs, name


def built(root: Path, profile: Mapping[str, Any]) -> dict[str, list[tuple[object, ...]]]:
    """Build all of a project, and give the rows of each table in the order of their values."""
    (root / "profiles.yml").write_text(json.dumps({"dev": profile}))
    with Run(load_project(root, "dev", environment={})) as run:
        nodes = run.order()
        for node in nodes:
            run.build(node)
        warehouse = run.sessions.of_thread()
        found = {}
        for node in nodes:
            table = read_relation(warehouse, warehouse.relation(node.name))
            names = sorted(name for name in table.column_names if name != LOADED)
            rows = [tuple(canonical(row[name]) for name in names) for row in table.to_pylist()]
            found[node.name] = [tuple(names), *sorted(rows, key=repr)]
    return found


def canonical(value: object) -> object:
    """A value as both engines can have it: numbers to nine digits, whatever their type."""
    match value:
        case bool() | None:
            return value
        case int() | float() | Decimal():
            return f"{float(value):.9g}"
        case datetime():
            return value.replace(tzinfo=None).isoformat()
    return str(value)
