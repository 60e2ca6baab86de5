"""Definitions in a new process: `loading.py fft FOLDER` or `loading.py plain FOLDER`, by default 5,000 of them."""

from __future__ import annotations

import importlib
import py_compile
import sys
from pathlib import Path

from workload import LAYER, name, query

HEAD = "import dagster as dg\n"
ASSET = """

@dg.asset(deps={deps!r}, check_specs=[dg.AssetCheckSpec("not_null_id", asset={name!r}, blocking=True)])
def {name}(context) -> dg.MaterializeResult:
    connect().execute({sql!r})
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])
"""
TAIL = """

def connect():
    import duckdb
    return duckdb.connect("workload.duckdb")


defs = dg.Definitions(assets=[seed_base, {names}])
"""


def write_plain(folder: Path, models: int, layer: int = LAYER) -> None:
    """Write W as plain assets, as one would by hand, and compile it."""
    seed = ASSET.format(deps=[], name="seed_base", sql="create table seed_base as from 'seeds/seed_base.csv'")
    parts = [HEAD, seed]
    for index in range(models):
        number, place = divmod(index, layer)
        above = [(number - 1) * layer + (place + shift) % layer for shift in (0, 1)]
        deps = [name(i) for i in above] if number else ["seed_base"]
        sql = f"create or replace table {name(index)} as {query(index, str, layer)}"
        parts.append(ASSET.format(deps=deps, name=name(index), sql=sql))
    parts.append(TAIL.format(names=", ".join(name(i) for i in range(models))))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plain_assets.py").write_text("".join(parts))
    py_compile.compile(str(folder / "plain_assets.py"))


def main() -> None:
    """Load them as a code server does."""
    kind, folder = sys.argv[1:]
    if kind == "plain":
        sys.path.insert(0, folder)
        defs = importlib.import_module("plain_assets").defs
    else:
        from fft_dagster import build_definitions

        defs = build_definitions(folder)
    repository = defs.get_repository_def()
    print(len(repository.asset_graph.get_all_asset_keys()))


if __name__ == "__main__":
    main()
