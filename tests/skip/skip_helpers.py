"""A project on disk with its database, edited and built again: what a test of a skip arranges and asks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from world import Outcome, run

from fft_core import Plan, Request, Warehouse, load_project, make_plan, open_warehouse

PROJECT = {
    "project.yml": "name: skips\nversion: '1'\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: db.duckdb}}\n",
}
CSV = "id,name\n1,ann\n2,bob\n"
SOURCES = "version: 2\nsources:\n  - name: raw\n    tables: [{name: events}]\n"
EVENTS = "create or replace table events as select 1 as id, 'a' as name"
READS_EVENTS = "select id, name from {{ source('raw', 'events') }}"


@dataclass
class Place:
    """A folder with a project and a database file in it. `environment` is all that the project sees of one."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, files: Mapping[str, str]) -> None:
        """Write files; those of before stay."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    @contextmanager
    def opened(self) -> Iterator[Warehouse]:
        project = load_project(self.root, "dev", environment=dict(self.environment))
        with open_warehouse(project) as warehouse:
            yield warehouse

    def build(self, *selected: str, cache: str = "rw", rebuild: tuple[str, ...] = ()) -> Outcome:
        """Build what must be built of these nodes, or of all."""
        with self.opened() as warehouse:
            return run(warehouse, frozenset(selected) or None, request(cache, rebuild))

    def plan(self, *selected: str, cache: str = "rw", rebuild: tuple[str, ...] = ()) -> Plan:
        with self.opened() as warehouse:
            return make_plan(warehouse, request(cache, rebuild), frozenset(selected) or None)

    def due(self, *selected: str) -> dict[str, list[str]]:
        """What would be built, and the kinds of the reasons."""
        return {d.name: [reason.kind for reason in d.reasons] for d in self.plan(*selected).builds}

    def why(self, name: str) -> str:
        """The reasons of a decision, as people read them."""
        (decision,) = (d for d in self.plan().decisions if d.name == name)
        return "; ".join(map(str, decision.reasons))

    def sql(self, *statements: str) -> list[tuple[object, ...]]:
        """Do something by hand, as somebody else would; gives the rows of the last statement."""
        rows: list[tuple[object, ...]] = []
        with self.opened() as warehouse:
            for statement in statements:
                rows = list(warehouse.engine.fetch(statement))
        return rows


def request(cache: str = "rw", rebuild: tuple[str, ...] = ()) -> Request:
    return Request(cache, rebuild)  # type: ignore[arg-type]


def place(root: Path, files: Mapping[str, str], **environment: str) -> Place:
    """Write a project and give it, not yet built."""
    made = Place(root, environment)
    made.write({**PROJECT, **files})
    return made


def built(root: Path, files: Mapping[str, str], *before: str, **environment: str) -> Place:
    """Write a project, do something in its database by hand, and build it."""
    made = place(root, files, **environment)
    if before:
        made.sql(*before)
    outcome = made.build()
    assert not outcome.failed
    return made
