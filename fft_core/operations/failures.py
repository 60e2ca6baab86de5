"""Tables of failing rows that checks of a project have written."""

from __future__ import annotations

from collections.abc import Iterable

from fft_core.checks.failures import PREFIX, is_of_project
from fft_core.engines.protocol import RelationKind
from fft_core.names import Relation
from fft_core.warehouse.warehouse import Warehouse


def find_failures(warehouse: Warehouse) -> dict[Relation, RelationKind]:
    """Return the tables of failing rows of this project, including those of checks that were removed."""
    engine = warehouse.engine
    beside = engine.relation(PREFIX)
    rows = engine.fetch(engine.spelling.names_like(beside, PREFIX))
    names = sorted(row[engine.spelling.name_column] for row in rows)
    mine = [beside.named(name) for name in names if is_of_project(name, warehouse.project.name)]
    return {relation: info.kind for relation, info in engine.inspect(mine).items()} if mine else {}


def remove_failures(warehouse: Warehouse, tables: Iterable[tuple[Relation, RelationKind]]) -> None:
    """Drop tables of failing rows. Raises StatementError if another object depends on one."""
    engine = warehouse.engine
    for relation, kind in tables:
        with engine.transaction():
            engine.execute(engine.spelling.drop(relation, kind))
