"""Workload W: models in layers of ten, each reading two of the layer before, one not_null check each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LAYER = 10
SEED_ROWS = 1_000


def write_project(root: Path, models: int, layer: int = LAYER) -> None:
    """Write W as an FFT project on a DuckDB file in its folder."""
    (root / "models").mkdir(parents=True)
    (root / "seeds").mkdir()
    (root / "project.yml").write_text("name: workload\nversion: '1'\n")
    (root / "profiles.yml").write_text("dev: {engine: duckdb, duckdb: {path: workload.duckdb}}\n")
    rows = "".join(f"{i},{i % 17},{i % 5}\n" for i in range(SEED_ROWS))
    (root / "seeds" / "seed_base.csv").write_text(f"id,val,grp\n{rows}")
    for index in range(models):
        (root / "models" / f"{name(index)}.ff.sql").write_text(query(index, ref, layer))
    tests = "".join(f"  - {{name: {name(i)}, columns: [{{name: id, tests: [not_null]}}]}}\n" for i in range(models))
    (root / "models" / "schema.yml").write_text(f"version: 2\nmodels:\n{tests}")


def name(index: int) -> str:
    """Return the name of a model of W."""
    return f"m{index:05d}"


def ref(target: str) -> str:
    """Return a reference, for FFT and for dbt."""
    return f"{{{{ ref('{target}') }}}}"


def query(index: int, spell: Callable[[str], str], layer: int = LAYER) -> str:
    """Return the SELECT of a model; `spell` returns the relation of a name."""
    number, place = divmod(index, layer)
    if number == 0:
        return f"select id, val + {index} as val, grp from {spell('seed_base')}"
    left, right = (name((number - 1) * layer + (place + shift) % layer) for shift in (0, 1))
    return (
        f"select a.id, (a.val + b.val) % 1000 as val, a.grp from {spell(left)} as a "
        f"join {spell(right)} as b on a.id = b.id where a.id % 1000 <> {index % 997}"
    )
