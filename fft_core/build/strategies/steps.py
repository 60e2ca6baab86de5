"""What is done to a table, in full, as text: made before anything is done, carried out in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fft_core.build.strategies.columns import Adaption
from fft_core.engines.protocol import ColumnType
from fft_core.engines.spec.spelling import Spelling
from fft_core.names import Relation


@dataclass(frozen=True)
class Steps:
    """How staged rows change a table, in this order.

    Attributes:
        casts: Statements that give the staged rows the types of the table.
        alterations: Statements that change the table's columns.
        counts: Queries for what a build counts as its changes, by what is counted.
        needs: Which of the counts must not be zero; else no rows are changed. None if it does not matter.
        statements: Statements that change the table's rows.
    """

    casts: tuple[str, ...] = ()
    alterations: tuple[str, ...] = ()
    counts: Mapping[str, str] = field(default_factory=dict)
    needs: str | None = None
    statements: tuple[str, ...] = ()


def casts_of(rows: Relation, adaption: Adaption, spelling: Spelling) -> tuple[str, ...]:
    """Spell the casts of staged rows to the types of the table: not every engine compares what differs."""
    wanted = [ColumnType(adaption.columns[name], stored) for name, (stored, _) in adaption.casts.items()]
    return tuple(spelling.change_type(rows, column) for column in wanted)
