"""Publishing on Spark: one statement on Delta and Iceberg; on Parquet, a table reads another folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fft_core.engines.by_statement import SwapByStatement
from fft_core.engines.databricks.catalog import Listed, information_in, listed
from fft_core.engines.databricks.spelling import MARK, ParquetSpelling
from fft_core.engines.leftovers import prefix_of, swap_name
from fft_core.engines.protocol import ColumnType, RelationKind
from fft_core.engines.stamp import mark_in, unmarked
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.databricks.session import SparkEngineSession

_NEXT, _PLACE = "fft.next", "fft.place"


class SparkPublisher(SwapByStatement):
    """Publishing of a table by `create or replace table ... tblproperties(...) as select * from` its stage."""

    def __init__(self, session: SparkEngineSession) -> None:
        super().__init__(session)
        self._spark = session

    def runs_in_place(self, statements: Sequence[str]) -> bool:
        """Whether a change is one statement that may be run again: an INSERT would add its rows twice."""
        return len(statements) == 1 and not statements[0].startswith("insert into ")

    def signature(self, stage: Relation, kind: RelationKind, columns: Sequence[ColumnType]) -> str:
        return listed(self._spark.fetch, self._spark.spelled, [stage])[stage].signature


class ParquetPublisher(SparkPublisher):
    """Publishing of a table of Parquet files: it reads the folder of its stage, from one statement on.

    The mark for those rows is set before: it counts from the moment at which the table reads that folder.
    """

    def __init__(self, session: SparkEngineSession, spelling: ParquetSpelling) -> None:
        super().__init__(session)
        self._spelling = spelling

    def swap(self, stage: Relation, relation: Relation, comment: str) -> bool:
        both = listed(self._spark.fetch, self._spelling, [stage, relation])
        there, made = both.get(relation), both[stage]
        added = None if there is None else _added(there, made)
        if there is None:
            self._name(stage, relation, comment)
            return False
        if added is None:  # readers miss the table for a moment
            before = relation.named(swap_name(relation.name))
            self._spark.execute(self._spelling.rename(relation, before.name))
            self._name(stage, relation, comment)
            self._spark.execute(self._spelling.drop(before, "table"))
            return False
        for column in self._columns(made, stage)[len(there.fields.splitlines()) :] if added else ():
            self._spark.execute(self._spelling.add_column(relation, column))
        self._read_from(stage, made, relation, there, comment)
        return False

    def retired(self, relation: Relation, prefix: str) -> Sequence[Relation]:
        """Return the tables that hold the folders of replaced rows: readers of the build before have ended."""
        place = relation.named("")
        names = information_in(self._spark.fetch, self._spelling, place, f"{prefix}*")
        left = [relation.named(name) for name, _ in names]
        there = listed(self._spark.fetch, self._spelling, left) if left else {}
        return [one for one, info in there.items() if info.kind == "table" and _is_retired(one, info)]

    def keep(self, relation: Relation, query: str, others: str) -> None:
        """Replace the rows of a table by those of a query, which may read it; this is the DELETE of Parquet.

        The query `others` reads the rows that are deleted: without any, the table stays as it is.
        """
        if not self._spark.fetch(f"{others} limit 1"):
            return
        for old in self.retired(relation, prefix_of(relation.name)):
            self._spark.execute(self._spelling.drop(old, "table"))
        stage = relation.named(swap_name(relation.name))
        self._spark.execute(self._spelling.create_as(stage, "table", query, replaces=False))
        both = listed(self._spark.fetch, self._spelling, [stage, relation])
        self._read_from(stage, both[stage], relation, both[relation], None)

    def _name(self, stage: Relation, relation: Relation, comment: str) -> None:
        """Rename a stage to the relation, after the mark of its rows is set."""
        values = {MARK: mark_in(comment)} | ({"comment": unmarked(comment)} if unmarked(comment) else {})
        self._spark.execute(self._spelling.set_properties(stage, "table", values))
        self._spark.execute(self._spelling.rename(stage, relation.name))

    def _read_from(self, stage: Relation, made: Listed, relation: Relation, there: Listed, comment: str | None) -> None:
        """Let the published table read the stage's folder, and the stage's table keep that of before until later.

        The stage's table releases the folder first, so that a DROP of it never deletes the published rows.
        """
        spelling, execute = self._spelling, self._spark.execute
        folder = made.location.rstrip("/").rpartition("/")[2]
        execute(spelling.set_location(stage, f"{made.location}_gone"))
        values = {MARK: there.mark, _NEXT: there.mark if comment is None else mark_in(comment), _PLACE: folder}
        values |= {} if comment is None else {"comment": unmarked(comment)}
        execute(spelling.set_properties(relation, "table", values))
        execute(spelling.set_location(relation, made.location))
        execute(spelling.set_location(stage, there.location))

    def _columns(self, made: Listed, stage: Relation) -> Sequence[ColumnType]:
        return made.columns() or self._spark.columns(self._spelling.select_all(stage))


def _added(there: Listed, made: Listed) -> bool | None:
    """Whether columns were added at the end; None if others have changed."""
    before, now = there.fields.lower(), made.fields.lower()
    if before == now:
        return False
    return True if now.startswith(f"{before}\n |-- ") else None


def _is_retired(relation: Relation, info: Listed) -> bool:
    folder = info.location.rstrip("/").rpartition("/")[2].lower()
    return folder not in (relation.name.lower(), f"{relation.name.lower()}_gone")
