"""A project with two environments, `dev` and `prod`, and what tests ask of them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres_server import new_schema
from sweeps import FACTOR

from fft_core import Plan, Project, Relation, Request, Run, load_project, open_warehouse
from fft_core.build.publish import BuildResult

FILES: Mapping[str, str] = {
    "project.yml": "name: shop\nversion: '1'\n",
    "seeds/raw_users.csv": "id,name\n1,ann\n2,bob\n3,cyd\n",
    "models/users.ff.sql": "select id, name from {{ ref('raw_users') }}",
    "models/loud.ff.sql": """\
        {{ config(materialized='view') }}
        select id, upper(name) as name from {{ ref('users') }}
        """,
    "models/counted.ff.sql": "select count(*) as n, max(name) as last from {{ ref('loud') }}",
    "models/louder.ff.sql": "{{ config(materialized='view') }} select id, name || '!' as name from {{ ref('users') }}",
    "models/ends.ff.sql": "select id, name from {{ ref('louder') }}",
}
# Names that two files share, and schemas that have to be quoted. The easier cases are tried in sweeps.
KINDS = ("file of the same name", "postgres", *(("second schema", "second file") if FACTOR > 1 else ()))


@dataclass
class Environments:
    """A folder with a project; `profiles` are the settings of its two environments."""

    root: Path
    engine: str
    profiles: Mapping[str, Mapping[str, Any]]
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def load(self, env: str = "dev") -> Project:
        return load_project(self.root, env, environment=self.environment)

    def build(
        self, *names: str, env: str = "dev", defer: str = "prod", rebuild: tuple[str, ...] = ()
    ) -> dict[str, str]:
        """Build these nodes, or all; say which were built, and which reused."""
        nodes = frozenset(names) or None
        done = {}
        with Run(self.load(env), Request(rebuild=rebuild), nodes=nodes, defer=defer if env == "dev" else "") as run:
            for node in run.order():
                done[node.name] = "build" if isinstance(run.build(node), BuildResult) else "reuse"
        return done

    def plan(self, *names: str, env: str = "dev", defer: str = "prod") -> Plan:
        run = Run(self.load(env), defer=defer)
        with run.open(read_only=True) as warehouse:
            return run.plan(warehouse, frozenset(names) or None)

    def rows(self, name: str, env: str = "dev") -> list[tuple[Any, ...]]:
        """The published rows of a node in one environment, sorted; a view of dev can read prod."""
        with Run(self.load(env), defer="prod" if env == "dev" and self.is_there("users", "prod") else "") as run:
            warehouse = run.sessions.of_thread()
            relation = warehouse.place(name).sql(warehouse.engine.spelling)
            return sorted(warehouse.engine.fetch(f"select * from {relation}"), key=repr)

    def is_there(self, name: str, env: str = "dev") -> bool:
        with open_warehouse(self.load(env)) as warehouse:
            relation = warehouse.relation(name)
            return relation in warehouse.engine.inspect([relation])

    def place(self, name: str, env: str = "dev") -> Relation:
        with open_warehouse(self.load(env)) as warehouse:
            return warehouse.place(name)

    def drop_schema(self, env: str, schema: str) -> None:
        with open_warehouse(self.load(env)) as warehouse:
            place = Relation("", schema, warehouse.engine.relation("").catalog)
            warehouse.engine.execute(warehouse.engine.spelling.drop_schema(place))

    def sql(self, env: str, *statements: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        with open_warehouse(self.load(env)) as warehouse:
            for statement in statements:
                rows = warehouse.engine.fetch(statement)
        return rows

    def state(self, env: str) -> object:
        """All that an environment holds: its tables, their rows, and the bytes of a file of its own."""
        with open_warehouse(self.load(env), read_only=True) as warehouse:
            engine = warehouse.engine
            schema = engine.relation("x").schema or ""
            tables = engine.fetch(
                "select table_name, table_type from information_schema.tables "
                f"where table_schema = {engine.spelling.literal(schema)} order by 1"
            )
            rows = {
                name: sorted(map(repr, engine.fetch(f"select * from {engine.relation(name).sql(engine.spelling)}")))
                for name, _ in tables
            }
        path = Path(self.profiles[env].get("path", ""))
        others = [settings.get("path") for name, settings in self.profiles.items() if name != env]
        return tables, rows, (self.root / path).read_bytes() if path.name and str(path) not in others else b""


def of_kind(request: pytest.FixtureRequest, folder: Path) -> Iterator[Environments]:
    """Give environments of the kind that a fixture has as its parameter."""
    dsn = request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None
    with environments(request.param, folder / "project", dsn) as made:
        yield made


@contextmanager
def environments(kind: str, root: Path, dsn: str | None, files: Mapping[str, str] = FILES) -> Iterator[Environments]:
    """Write a project whose environments lie as the kind says, and give it."""
    match kind:
        case "second file":
            profiles: dict[str, dict[str, Any]] = {"dev": {"path": "dev.duckdb"}, "prod": {"path": "it's prod.duckdb"}}
        case "file of the same name":
            profiles = {"dev": {"path": "a/shop.duckdb"}, "prod": {"path": "b/shop.duckdb"}}
        case "second schema":
            profiles = {env: {"path": "both.duckdb", "schema": f'{env}\'s "Own" schema.1'} for env in ("dev", "prod")}
        case _:
            base = new_schema()
            profiles = {env: {"dsn": dsn, "db_schema": f'{base} {env}\'s "Own"'} for env in ("dev", "prod")}
    engine = "postgres" if kind == "postgres" else "duckdb"
    made = Environments(root, engine, profiles)
    text = "".join(
        f"{env}: {{engine: {engine}, {engine}: {json.dumps(settings)}}}\n" for env, settings in profiles.items()
    )
    made.write({**files, "profiles.yml": text})
    try:
        yield made
    finally:
        if engine == "postgres":
            with psycopg.connect(str(dsn), autocommit=True) as connection:
                for settings in profiles.values():
                    quoted = settings["db_schema"].replace('"', '""')
                    connection.execute(f'drop schema if exists "{quoted}" cascade'.encode())
