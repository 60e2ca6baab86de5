"""A small random project on disk, its database, and what can happen to both: the ground of the oracle."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from targets import Target

from fft_core import (
    CheckFailedError,
    FftError,
    Model,
    Plan,
    Project,
    Request,
    Seed,
    Warehouse,
    load_project,
    make_plan,
    open_warehouse,
)
from fft_core.compile.identity import Identities
from fft_core.project.model import SourceName
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

SEEDS = ("seed_a", "seed_b")
SOURCE = "raw_events"
Rows = list[tuple[int, int]]


@dataclass(frozen=True)
class ModelText:
    """How a model of the random project is written. All relations have the columns id and val."""

    name: str
    inputs: tuple[str, ...]
    kind: str = "table"  # table, view, ephemeral, python
    constant: int = 0
    modulus: int = 7
    uses_macro: bool = False
    uses_var: bool = False
    uses_env: bool = False
    cutoff: bool = True
    comment: str = ""
    broken: bool = False
    failing_check: bool = False
    description: str = ""
    schema: str = ""
    alias: str = ""

    @property
    def fails(self) -> bool:
        """Whether its check fails. Never that of a view: it holds back what is built below it, which differs by run."""
        return self.failing_check and self.kind != "view"

    @property
    def file(self) -> str:
        return f"models/{self.name}.ff.{'py' if self.kind == 'python' else 'sql'}"

    def text(self) -> str:
        return self._python() if self.kind == "python" else self._sql()

    def _value(self) -> str:
        parts = ["a.val", str(self.constant)]
        parts += ["{{ bump() }}"] if self.uses_macro else []
        parts += ["{{ var('step', 0) }}"] if self.uses_var else []
        parts += ["{{ env('OUR_SHIFT', '0') }}"] if self.uses_env else []
        return " + ".join(parts)

    def _sql(self) -> str:
        config = f"{{{{ config(materialized='{self.kind}', early_cutoff={self.cutoff}{self._place()}) }}}}"
        first, *others = (_reference(name) for name in self.inputs)
        joins = "".join(f"\njoin {other} as b{i} on b{i}.id = a.id" for i, other in enumerate(others))
        broken = " + no_such_column" if self.broken else ""
        value = f"({self._value()}{broken}) % 1000"
        return f"""\
{config}
-- {self.comment}
select a.id, {value} as val
from {first} as a{joins}
where a.val % {self.modulus} <> 3
"""

    def _place(self) -> str:
        said = {"schema": self.schema, "alias": self.alias}
        return "".join(f", {key}={value!r}" for key, value in said.items() if value)

    def _python(self) -> str:
        deps = ", ".join(_dependency(name) for name in self.inputs)
        parameters = ", ".join(f"f{i}" for i in range(len(self.inputs)))
        joined = "".join(f"\n    frame = frame[frame['id'].isin(f{i}['id'])]" for i in range(1, len(self.inputs)))
        broken = "raise ValueError('broken')" if self.broken else "pass"
        return f"""\
# {self.comment}
from fft_core import model, source
from helpers.shift import shift

@model(name={self.name!r}, deps=[{deps}], description={self.description!r}, early_cutoff={self.cutoff}{self._place()})
def build({parameters}):
    {broken}
    frame = f0[f0['val'] % {self.modulus} != 3]{joined}
    frame = frame.assign(val=(frame['val'] + {self.constant} + shift()) % 1000)
    return frame[['id', 'val']].astype('int64')
"""


def _reference(name: str) -> str:
    return f"{{{{ source('raw', '{SOURCE}') }}}}" if name == SOURCE else f"{{{{ ref('{name}') }}}}"


def _dependency(name: str) -> str:
    return f"source('raw', '{SOURCE}')" if name == SOURCE else repr(name)


@dataclass
class World:
    """The project's texts, the rows of seeds and source, the environment, and an open database."""

    root: Path
    on_disk: bool
    target: Target = field(default_factory=Target)
    models: dict[str, ModelText] = field(default_factory=dict)
    seeds: dict[str, Rows] = field(default_factory=dict)
    source: Rows = field(default_factory=list)
    macro: int = 1
    helper: int = 1
    helper_comment: str = ""
    step: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    warehouse: Warehouse | None = None
    resources: ExitStack = field(default_factory=ExitStack)
    settings: Mapping[str, Any] | None = None
    naming: str = ""

    def load(self) -> Project:
        """Write all files and load them."""
        for folder in ("models", "seeds", "helpers"):
            shutil.rmtree(self.root / folder, ignore_errors=True)
        for path, text in self._files():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)
        return load_project(self.root, "dev", environment=dict(self.environment))

    def open(self, project: Project) -> Warehouse:
        """Give a warehouse of this project on the database of before; a file is closed and opened again."""
        if self.warehouse is not None and not self.on_disk:
            self.warehouse = Warehouse(project, self.warehouse.engine)
            return self.warehouse
        self.close()
        if self.settings is None:
            path = str(self.root / "db.duckdb") if self.on_disk else ":memory:"
            self.settings = self.resources.enter_context(self.target.settings(path))
        self.warehouse = open_warehouse(project, **self.settings)
        self.fill_source(self.warehouse)
        return self.warehouse

    def close(self) -> None:
        if self.warehouse is not None:
            self.warehouse.close()
            self.warehouse = None

    def end(self) -> None:
        """Close the database, and drop it."""
        self.close()
        self.resources.close()

    def fill_source(self, warehouse: Warehouse) -> None:
        """Write the rows of the source, as somebody else would."""
        spelling, execute = warehouse.engine.spelling, warehouse.engine.execute
        rows = spelling.given(["id", "val"], [(str(i), str(v)) for i, v in self.source] or [("null", "null")])
        relation = warehouse.relation(SourceName("raw", SOURCE))
        table = relation.sql(spelling)
        columns = "cast(id as bigint) as id, cast(val as bigint) as val"
        query = f"select {columns} from {rows} where id is not null"
        if self.target.engine == "duckdb":
            execute(f"create or replace table {table} as {query}")
            return
        warehouse.ensure_schema(relation)
        execute(spelling.create_table(relation, {"id": "integer", "val": "integer"}))
        with warehouse.engine.transaction():  # views hang on it, so that it is not replaced
            execute(spelling.delete(relation, None))
            execute(f"insert into {table} {query}")

    def _files(self) -> Iterator[tuple[str, str]]:
        checks = "".join(
            f"  - {{type: row_count_between, table: {m.name}, min_rows: {10**6 if m.fails else 0}}}\n"
            f"  - {{type: not_null, table: {m.name}, column: id, severity: warn}}\n"
            for m in self.models.values()
            if m.kind != "ephemeral"
        )
        yield (
            "project.yml",
            f"name: world\nversion: '1'\nvars: {{step: {self.step}}}\n{self.naming}tests:\n{checks or '  []'}\n",
        )
        # where the database is, open_warehouse is told
        yield (
            "profiles.yml",
            f"dev:\n  engine: {self.target.engine}\n  {self.target.placeless}\n",
        )
        yield "sources.yml", f"version: 2\nsources:\n  - name: raw\n    tables: [{{name: {SOURCE}}}]\n"
        types = "".join(f"  {seed}: {{id: integer, val: integer}}\n" for seed in SEEDS)
        yield "seeds/schema.yml", f"columns:\n{types}"  # else an empty file would make text columns
        yield "models/macros/bump.sql", f"{{% macro bump() %}}{self.macro}{{% endmacro %}}"
        yield "helpers/__init__.py", ""
        yield "helpers/shift.py", "from helpers.amount import AMOUNT\n\ndef shift():\n    return AMOUNT\n"
        yield "helpers/amount.py", f"# {self.helper_comment}\nAMOUNT = {self.helper}\n"
        for name, rows in self.seeds.items():
            yield f"seeds/{name}.csv", "id,val\n" + "".join(f"{i},{v}\n" for i, v in rows)
        for model in self.models.values():
            yield model.file, model.text()
            if model.kind != "python" and model.description:
                entry = f"version: 2\nmodels: [{{name: {model.name}, description: {model.description!r}}}]\n"
                yield f"models/{model.name}.yml", entry

    def edit(self, name: str, **changes: object) -> None:
        self.models[name] = replace(self.models[name], **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Outcome:
    """What a run did, by node."""

    built: frozenset[str]
    reused: frozenset[str]
    failed: frozenset[str]


def run(warehouse: Warehouse, selected: frozenset[str] | None = None, request: Request | None = None) -> Outcome:
    """Do what Dagster does: each node after what it waits for, nothing below a failure."""
    project = warehouse.project
    identities = Identities(project, warehouse.compiler)
    rebuilder = Rebuilder(project, identities, request or Request(), nodes=selected)
    built: set[str] = set()
    reused: set[str] = set()
    failed: set[str] = set()
    for node in project.stored():
        if selected is not None and node.name not in selected:
            continue
        if failed & upstream_of(project, node):
            failed.add(node.name)
            continue
        try:
            result = build_or_reuse(warehouse, rebuilder, node)
        except (CheckFailedError, FftError):
            failed.add(node.name)
            continue
        (built if result.decision.is_build else reused).add(node.name)
    return Outcome(frozenset(built), frozenset(reused), frozenset(failed))


def upstream_of(project: Project, node: Model | Seed) -> frozenset[str]:
    return project.upstream(node.name) | frozenset(project.waits_for(node.name))


def plan(warehouse: Warehouse) -> Plan:
    return make_plan(warehouse)


def contents(warehouse: Warehouse, failed: frozenset[str]) -> Mapping[str, list[tuple[object, ...]]]:
    """The rows of everything stored, sorted; what failed is left out."""
    found = {}
    for node in warehouse.project.stored():
        relation = warehouse.relation(node.name)
        if node.name not in failed:
            table = relation.sql(warehouse.engine.spelling)
            found[node.name] = sorted(warehouse.engine.fetch(f"select id, val from {table}"))
    return found


def clean_build(world: World, project: Project) -> tuple[Mapping[str, list[tuple[object, ...]]], Outcome]:
    """Build the same state in a new database."""
    with world.target.settings() as settings, open_warehouse(project, **settings) as warehouse:
        world.fill_source(warehouse)
        outcome = run(warehouse)
        return contents(warehouse, outcome.failed), outcome
