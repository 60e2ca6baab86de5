"""Environments that share a database, a schema and its records, and lie apart only by templates of naming."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from targets import Target
from written_projects import write_project

from fft_core import FftError, Project, Run, load_project
from fft_core.operations.clone import clone
from fft_core.operations.diff import diff
from fft_core.run.select.facts import select_nodes

FILES = {
    "project.yml": """\
        name: shop
        version: "1"
        models: {marts: {+schema: marts}}
        naming:
          schema: "{{ default_schema }}{{ '_' ~ schema if schema else '' }}"
          alias: "{{ env }}_{{ alias or name }}"
        """,
    "seeds/orders.csv": "id,amount\n1,2\n2,3\n",
    "seeds/schema.yml": "columns: {orders: {id: integer, amount: integer}}\n",
    "models/stg.ff.sql": "{{ config(materialized='view') }} select id, amount from {{ ref('orders') }}",
    "models/marts/fct.ff.sql": """\
        {{ config(materialized='incremental', unique_key='id') }}
        select * from {{ ref('stg') }}
        """,
}


class Shared:
    def __init__(self, root: Path, settings: dict[str, Any], engine: str) -> None:
        profile = {"engine": engine, engine: settings}
        self.root = write_project(root, {**FILES, "profiles.yml": json.dumps({"dev": profile, "prod": profile})})

    def load(self, env: str, files: dict[str, str] | None = None) -> Project:
        profiles = (self.root / "profiles.yml").read_text()
        write_project(self.root, {**FILES, "profiles.yml": profiles, **(files or {})})
        return load_project(self.root, env, environment={})

    def build(self, project: Project, *names: str, defer: str = "") -> dict[str, str]:
        with Run(project, nodes=frozenset(names) if names else None, defer=defer) as run:
            return {node.name: run.build(node).decision.action for node in run.order()}

    def rows(self, project: Project, name: str) -> list[Any]:
        with Run(project) as run, run.open(read_only=True) as warehouse:
            table = warehouse.place(name).sql(warehouse.engine.spelling)
            return sorted(warehouse.engine.fetch(f"select id, amount from {table}"))


@pytest.fixture
def shared(tmp_path: Path, target: Target) -> Iterator[Shared]:
    with target.settings(str(tmp_path / "db.duckdb")) as settings:
        yield Shared(tmp_path / "project", dict(settings), target.engine)


def test_what_is_not_built_here_is_read_there(shared: Shared) -> None:
    shared.build(shared.load("prod"))
    dev = shared.load("dev", {"models/marts/fct.ff.sql": "select id, amount + 1 as amount from {{ ref('stg') }}"})
    assert select_nodes(dev, ["state:modified"], run=Run(dev, defer="prod")) == {"fct"}
    assert shared.build(dev, "fct", defer="prod") == {"fct": "build"}
    assert shared.build(dev, "fct", defer="prod") == {"fct": "reuse"}
    assert (shared.rows(dev, "fct"), shared.rows(shared.load("prod"), "fct")) == ([(1, 3), (2, 4)], [(1, 2), (2, 3)])


def test_a_clone_is_all_reuse(shared: Shared) -> None:
    shared.build(shared.load("prod"))
    dev = shared.load("dev")
    with Run(dev) as run, run.open() as warehouse:
        assert {one.name: one.outcome for one in clone(warehouse, "prod")} == {
            "orders": "copied",
            "stg": "view",
            "fct": "copied",
        }
    assert set(shared.build(dev).values()) == {"reuse"}
    assert set(shared.build(shared.load("prod")).values()) == {"reuse"}
    seed = {"seeds/orders.csv": "id,amount\n1,7\n"}
    shared.build(shared.load("dev", seed))
    assert (shared.rows(shared.load("dev", seed), "stg"), shared.rows(shared.load("prod"), "stg")) == (
        [(1, 7)],
        [(1, 2), (2, 3)],
    )


def test_a_difference_of_rows_is_found(shared: Shared) -> None:
    shared.build(shared.load("prod"))
    dev = shared.load("dev", {"seeds/orders.csv": "id,amount\n1,2\n2,4\n"})
    shared.build(dev)
    with Run(dev) as run, run.open(read_only=True) as warehouse:
        found = diff(warehouse, "prod")
    assert found.rows_differ


def test_an_environment_at_the_same_place_is_refused(shared: Shared) -> None:
    plain = {"project.yml": FILES["project.yml"].replace("{{ env }}_", "")}
    shared.build(shared.load("prod", plain))
    with pytest.raises(FftError, match="is in the same place"):
        shared.build(shared.load("dev", plain), "fct", defer="prod")
