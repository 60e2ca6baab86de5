"""Descriptions of models, seeds and their columns as comments in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from fft_core.engines.protocol import TableInfo, Want
from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.stamp import unmarked, with_text
from fft_core.names import Relation
from fft_core.names.columns import AmbiguousColumnError, ColumnNames
from fft_core.project.model import Node
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class CommentChange:
    """One comment to write: of a node, or of one of its columns by its name in the database."""

    node: str
    column: str | None
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.node}.{self.column}" if self.column else self.node


@dataclass(frozen=True)
class CommentPlan:
    """The comments to write, and the descriptions that cannot become comments, with the reason."""

    changes: tuple[CommentChange, ...]
    left_out: tuple[str, ...] = ()


def plan_comments(warehouse: Warehouse, chosen: frozenset[str] | None = None) -> CommentPlan:
    """Compare the descriptions of the project with the comments in the database. Changes nothing.

    Args:
        warehouse: An open warehouse.
        chosen: The models and seeds to compare; None for all.
    """
    nodes = [node for node in warehouse.project.stored() if chosen is None or node.name in chosen]
    described = [node for node in nodes if node.description or any(column.description for column in node.columns)]
    relations = {node.name: warehouse.relation(node.name) for node in described}
    tables = warehouse.engine.inspect(list(relations.values()), Want.STAMP | Want.COLUMNS | Want.COMMENTS)
    changes, left_out = list[CommentChange](), list[str]()
    for node in described:
        table = tables.get(relations[node.name])
        if table is None:
            left_out.append(f"{node.name} is not built yet")
        elif table.stamp is None:
            left_out.append(f"{node.name}: {relations[node.name]} was changed since FFT built it")
        else:
            found, missing = _compared(node, table)
            changes += found
            left_out += missing
    return CommentPlan(tuple(changes), tuple(left_out))


def write_comments(warehouse: Warehouse, changes: Sequence[CommentChange]) -> None:
    """Write comments, those of one relation together. The stamps of builds stay, so no node is rebuilt because of it.

    Raises:
        BusyError: a build of a relation took too long.
    """
    engine = warehouse.engine
    for name, group in groupby(changes, key=lambda change: change.node):
        relation = warehouse.relation(name)
        with engine.transaction():
            engine.hold(relation)
            now = engine.inspect([relation], Want.COMMENTS).get(relation)
            if now is not None:  # it may have been dropped since
                for statement in [_statement(change, relation, now, engine.spelling) for change in group]:
                    engine.execute(statement)


def _statement(change: CommentChange, relation: Relation, now: TableInfo, spelling: Spelling) -> str:
    if change.column is None:
        return spelling.comment_on(relation, now.kind, with_text(now.comment, change.new))
    return spelling.comment_on_column(relation, change.column, change.new)


def _compared(node: Node, there: TableInfo) -> tuple[list[CommentChange], list[str]]:
    """Return the changes, and messages about described columns that do not exist."""
    changes, missing = list[CommentChange](), list[str]()
    text, old = _clean(node.description), unmarked(there.comment)
    if text and text != old:
        changes.append(CommentChange(node.name, None, old, text))
    names = [column.name for column in there.columns]
    spelled = ColumnNames(names)
    for column in node.columns:
        text = _clean(column.description)
        try:
            name = spelled.find(column.name)
        except AmbiguousColumnError as error:
            missing.append(f"{node.name}: {error.problem.message}")
            continue
        if text and name is None:
            missing.append(f"{node.name} has no column {column.name!r}")
        elif text and name and text != there.column_comments.get(name):
            changes.append(CommentChange(node.name, name, there.column_comments.get(name, ""), text))
    return changes, missing


def _clean(description: str | None) -> str:
    """Return a description as a comment can hold it: without NUL, and without text that looks like a stamp."""
    return unmarked((description or "").replace("\0", "")).strip()
