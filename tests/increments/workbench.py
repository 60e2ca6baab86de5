"""A project on one engine whose source is refilled between builds: the ground of the tests of increments."""

from __future__ import annotations

import shutil
import tempfile
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from targets import Target

from fft_core import Plan, Request, ReuseResult, Warehouse, load_project, make_plan, open_warehouse
from fft_core.build.publish import BuildResult
from fft_core.compile.identity import Identities
from fft_core.project.model import SourceName
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

SOURCES = "version: 2\nsources: [{name: raw, tables: [{name: events}]}]\n"
Rows = Sequence[tuple[object, ...]]
EVENTS = "{{ source('raw', 'events') }}"


class Bench:
    """A folder with a project, and a database that stays while the project is edited."""

    def __init__(self, root: Path, profile: str) -> None:
        self.root = root
        self.write({"project.yml": "name: bench\nversion: '1'\n", "profiles.yml": profile})
        self.write({"sources.yml": SOURCES, "models/.keep": ""})
        self.warehouse = open_warehouse(load_project(root, "dev", environment={}))
        self.warehouse.ensure_schema(self.warehouse.relation("any"))

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def model(self, config: str, query: str, name: str = "m") -> None:
        """Write a SQL model."""
        self.write({f"models/{name}.ff.sql": f"{{{{ config({config}) }}}}\n{query}\n"})

    def fill(self, columns: Mapping[str, str], rows: Rows) -> None:
        """Replace the source's table, as somebody else would."""
        table = self.warehouse.relation(SourceName("raw", "events")).sql(self.warehouse.engine.spelling)
        typed = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns.items())
        spelling = self.warehouse.engine.spelling
        spelled = [[spelling.literal(value) for value in row] for row in rows or [(None,) * len(columns)]]
        given, limit = spelling.given([*columns], spelled), "" if rows else " limit 0"
        execute = self.warehouse.engine.execute
        execute(f"drop table if exists {table}")
        execute(f"create table {table} as select {typed} from {given}{limit}")

    def reload(self) -> Warehouse:
        project = load_project(self.root, "dev", environment={})
        self.warehouse = Warehouse(project, self.warehouse.engine)
        return self.warehouse

    def build(self, *, full_refresh: Sequence[str] = (), cache: str = "rw") -> dict[str, BuildResult | ReuseResult]:
        """Do what the plan says for all nodes. Raises what a build raises."""
        warehouse = self.reload()
        request = Request(cache, full_refresh=tuple(full_refresh))  # type: ignore[arg-type]
        project = warehouse.project
        rebuilder = Rebuilder(project, Identities(project, warehouse.compiler), request)
        return {node.name: build_or_reuse(warehouse, rebuilder, node) for node in project.stored()}

    def plan(self, *, full_refresh: Sequence[str] = ()) -> Plan:
        return make_plan(self.reload(), Request(full_refresh=tuple(full_refresh)))

    def why(self, name: str = "m") -> str:
        (decision,) = (d for d in self.plan().decisions if d.name == name)
        kind = "increment" if decision.is_increment else "whole"
        return f"{decision.action} {kind if decision.is_build else ''}: {'; '.join(map(str, decision.reasons))}"

    def rows(self, query: str = "select * from m") -> list[tuple[object, ...]]:
        return sorted(self.warehouse.engine.fetch(query), key=repr)

    def columns(self, table: str = "m") -> dict[str, str]:
        return {c.name: c.type for c in self.warehouse.engine.columns(f"select * from {table}")}


@contextmanager
def bench(target: Target) -> Iterator[Bench]:
    """Make one in a folder of its own, for use inside a Hypothesis test."""
    root = Path(tempfile.mkdtemp())
    try:
        with target.profile() as profile:
            made = Bench(root, profile)
            try:
                yield made
            finally:
                made.warehouse.close()
    finally:
        shutil.rmtree(root, ignore_errors=True)
