"""A small test project on one database: tests write it, build it, and look at its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from fft_core.engines.protocol import RelationKind
from fft_core.plan.decision import Request
from fft_core.project.model import Project
from fft_core.run.run import Run
from fft_core.testing.project import make_project

Rows: TypeAlias = list[tuple[Any, ...]]  # Any: values of a driver
_TYPES = "schema.yml"


class Shop:
    """A project on disk, with one database, that a test writes, builds and reads."""

    def __init__(self, root: Path, engine: str, settings: Mapping[str, Any]) -> None:
        self._root, self._engine, self._settings = root, engine, settings
        self._files: dict[str, str] = {}

    def write(self, files: Mapping[str, str]) -> None:
        """Write files; existing ones stay."""
        self._files |= files

    def load(self) -> Project:
        return make_project(self._root, self._files, engine=self._engine, settings=self._settings)

    @contextmanager
    def opened(self, request: Request | None = None) -> Iterator[Run]:
        with Run(self.load(), request) as run:
            yield run

    def build(self, *names: str) -> set[str]:
        """Build some nodes, or all, if they have changed; return the names of those that were built."""
        with self.opened() as run:
            results = [run.build(node) for node in run.order() if not names or node.name in names]
        return {result.decision.name for result in results if result.decision.is_build}

    def increments(self, config: str, *versions: Sequence[tuple[int, int]], kind: str = "incremental") -> None:
        """Build a model of a kind on a seed with some rows, and then on the next rows."""
        config = f"{{{{ config(materialized='{kind}', {config}) }}}}"
        self.write({"models/m.ff.sql": f"{config}\nselect id, v from {{{{ ref('rows') }}}}"})
        self.write({f"seeds/{_TYPES}": "columns:\n  rows: {id: integer, v: integer}\n"})
        for version in versions:
            self.write({"seeds/rows.csv": "id,v\n" + "".join(f"{id},{v}\n" for id, v in version)})
            self.build()

    def fetch(self, sql: str, name: str) -> Rows:
        """Run a query, in which braces stand for a relation."""
        with self.opened() as run:
            warehouse = run.sessions.of_thread()
            with warehouse.engine.turn():
                return warehouse.engine.fetch(sql.format(warehouse.relation(name).sql(warehouse.engine.spelling)))

    def rows(self, name: str, columns: str) -> Rows:
        return sorted(tuple(row) for row in self.fetch(f"select {columns} from {{}}", name))

    def kind(self, name: str) -> RelationKind | None:
        with self.opened() as run:
            warehouse = run.sessions.of_thread()
            relation = warehouse.relation(name)
            there = warehouse.engine.inspect([relation]).get(relation)
            return there.kind if there else None

    def tables(self) -> set[str]:
        """Return the names of the tables beside the records; none on an engine without a list of its tables."""
        with self.opened() as run:
            warehouse = run.sessions.of_thread()
            names = warehouse.engine.names_beside(warehouse.relation("m"), "")
        ours = {"_ff_meta", "_ff_migrations", "_ff_stamps"}
        return {name.lower() for name in names} - ours


PROJECT_YML = "name: tested\nversion: '1'\ntests:\n  {}\n"
SOURCES = "version: 2\nsources:\n  - name: by_others\n    tables: [{name: raw}]\n"
BIG = "{{ config(materialized='view') }}\nselect id, amount from {{ ref('orders') }} where amount >= 10"
BY_PYTHON = """\
from fft_core import model

@model(name="by_python", deps=["orders"])
def build(orders):
    return orders.assign(twice=orders["amount"] * 2)
"""
SHOP = {
    "seeds/schema.yml": "columns:\n  raw_orders: {id: integer, amount: integer}\n",
    "seeds/raw_orders.csv": "id,amount\n1,5\n2,50\n3,500\n",
    "models/orders.ff.sql": "select id, amount from {{ ref('raw_orders') }}",
    "models/big.ff.sql": BIG,
    "models/by_python.ff.py": BY_PYTHON,
}
CHECKED = {
    "models/parent.ff.sql": "select 1 as id union all select 2",
    "models/child.ff.sql": "select 1 as id, 1 as parent, 5 as v union all select 1, 3, null union all select 2, 1, -5",
}
PASSING = (
    "type: unique, table: parent, column: id",
    "type: not_null, table: parent, column: id",
    "type: row_count_between, table: parent, min_rows: 1, max_rows: 2",
    "type: accepted_values, table: parent, column: id, values: [1, 2]",
    "type: greater_equal, table: parent, column: id, threshold: 1",
    "type: non_negative_sum, table: parent, column: id",
    "type: relationships, table: parent, column: id, to: ref('parent'), field: id",
    "type: between, table: parent, column: id, min: 1, max: 2",
    "type: expression, table: parent, expression: id > 0",
    "type: not_constant, table: parent, column: id",
    "type: sum_between, table: parent, column: id, min: 3, max: 3",
    "type: drift, table: parent",
    "type: drift, table: parent, column: id, measure: mean",
)
FAILING = (
    "type: unique, table: child, column: id",
    "type: not_null, table: child, column: v",
    "type: row_count_between, table: child, min_rows: 4",
    "type: accepted_values, table: child, column: v, values: [5]",
    "type: greater_equal, table: child, column: v, threshold: 0",
    "type: relationships, table: child, column: parent, to: ref('parent'), field: id",
    "type: between, table: child, column: v, min: 0",
    "type: expression, table: child, expression: v > 0",
    "type: sum_between, table: child, column: v, min: 1",
    "type: row_count_equals, table: child, to: parent",
)
