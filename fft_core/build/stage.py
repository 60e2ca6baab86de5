"""Creates relations from queries, inside a transaction: where a build stages its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fft_core.engines.created import usable_columns
from fft_core.engines.protocol import ColumnType, Engine, RelationKind
from fft_core.names import Relation

Columns: TypeAlias = tuple[ColumnType, ...]


@dataclass(frozen=True)
class Target:
    """A relation that is to be created.

    Attributes:
        relation: Its name.
        kind: What it becomes.
        replaced: What has that name now, if it is to be replaced.
        is_temporary: Whether only this session sees it, until its end.
    """

    relation: Relation
    kind: RelationKind = "table"
    replaced: RelationKind | None = None
    is_temporary: bool = False


def create(engine: Engine, target: Target, query: str, written: str | None = None) -> tuple[Columns, int | None]:
    """Create a relation from a query; return its columns, and how many rows were written if that is known.

    `written` is what the user wrote, if the query is not that: it has all names that must differ.
    """
    if target.replaced and target.replaced != target.kind:
        engine.execute(engine.spelling.drop(target.relation, target.replaced))
    count = engine.execute(_statement(engine, target, query))
    is_table = target.kind == "table"
    return usable_columns(engine, target.relation, written or query, is_table=is_table), count


def _statement(engine: Engine, target: Target, query: str) -> str:
    if target.is_temporary:
        return engine.spelling.create_temporary(target.relation.name, query)
    replaces = bool(engine.capabilities.transaction_is_stage)
    return engine.spelling.create_as(target.relation, target.kind, query, replaces=replaces)
