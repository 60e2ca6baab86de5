"""A small project on disk, built on each engine: what came of each node, and the rows that readers see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from targets import Target

from fft_core import (
    CheckFailedError,
    FftError,
    Request,
    ReuseResult,
    Warehouse,
    load_project,
    make_plan,
    open_warehouse,
)
from fft_core.build.publish import BuildResult
from fft_core.compile.identity import Identities
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

VIEW, TABLE = "{{ config(materialized='view') }} ", "{{ config(materialized='table') }} "
Outcome = BuildResult | ReuseResult | FftError


@dataclass
class Shop:
    """A project on disk and its database; `settings` are those of the engine."""

    root: Path
    engine: str
    settings: Mapping[str, Any]  # Any: as in Target.settings

    def write(self, files: Mapping[str, str], *checks: str) -> None:
        tests = "".join(checks)
        if tests or not (self.root / "project.yml").exists():
            files = {"project.yml": f"name: v\nversion: '1'\ntests:\n{tests or '  []'}\n", **files}
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)

    def open(self) -> Warehouse:
        return open_warehouse(load_project(self.root, "dev", environment={}, engine=self.engine), **self.settings)

    def build(self, *selected: str, cache: str = "rw") -> dict[str, Outcome]:
        """Do what Dagster does, with nothing below a failure; give what came of each node that had its turn."""
        with self.open() as warehouse:
            project, nodes = warehouse.project, frozenset(selected) or None
            identities = Identities(project, warehouse.compiler)
            rebuilder = Rebuilder(project, identities, Request(cache), nodes=nodes)  # type: ignore[arg-type]
            live, found = rebuilder.views.live, dict[str, Outcome]()
            reads = {n.name: {*project.upstream(n.name), *project.waits_for(n.name)} for n in project.stored()}
            order = TopologicalSorter({name: {*reads[name], *live.goes_after(name)} for name in reads}).static_order()
            for name in (name for name in order if name in reads and (nodes is None or name in nodes)):
                if not reads[name] & {read for read, result in found.items() if isinstance(result, FftError)}:
                    try:
                        found[name] = build_or_reuse(warehouse, rebuilder, project.node(name))
                    except FftError as error:
                        found[name] = error
        return found

    def rows(self, name: str, columns: str = "id") -> list[object]:
        with self.open() as warehouse:
            relation = warehouse.relation(name).sql(warehouse.engine.spelling)
            return sorted(row[0] for row in warehouse.engine.fetch(f"select {columns} from {relation}"))

    def execute(self, statement: str, name: str) -> None:
        with self.open() as warehouse:
            warehouse.engine.execute(statement.format(warehouse.relation(name).sql(warehouse.engine.spelling)))

    def due(self) -> dict[str, list[str]]:
        """What would be built, and the kinds of the reasons."""
        with self.open() as warehouse:
            return {d.name: [reason.kind for reason in d.reasons] for d in make_plan(warehouse).builds}

    def read_by_views(self, *selected: str) -> dict[str, list[tuple[str, str]]]:
        with self.open() as warehouse:
            plan = make_plan(warehouse, selected=frozenset(selected) or None)
        return {d.name: [(v.view, v.judged_with) for v in d.views] for d in plan.decisions if d.views}


@contextmanager
def shop_on(target: Target, root: Path) -> Iterator[Shop]:
    """Give a project without models, and an empty database."""
    with target.settings(str(root / "db.duckdb")) as settings:
        made = Shop(root, target.engine, settings)
        made.write(
            {"profiles.yml": "dev: {engine: duckdb, duckdb: {path: unused}, postgres: {dsn: 'postgresql://'}}\n"}
        )
        yield made


def states(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """What came of each node, in a word; an unexpected failure in its own words."""
    kinds = {BuildResult: "built", ReuseResult: "reused", CheckFailedError: "blocked"}
    return {name: kinds.get(type(outcome), f"failed: {outcome}") for name, outcome in outcomes.items()}


def blocked(outcome: Outcome) -> CheckFailedError:
    assert isinstance(outcome, CheckFailedError)
    return outcome


def built(outcome: Outcome) -> BuildResult:
    assert isinstance(outcome, BuildResult), outcome
    return outcome
