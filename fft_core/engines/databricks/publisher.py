"""Publishing on Spark: one statement on Delta and Iceberg; on Parquet, a table reads another folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fft_core.engines.by_statement import SwapByStatement
from fft_core.engines.databricks import PARQUET, capabilities_of
from fft_core.engines.databricks.catalog import Listed, information_in, listed, query_in
from fft_core.engines.databricks.spelling import MARK, SPELLINGS, DatabricksSpelling, ParquetSpelling
from fft_core.engines.leftovers import prefix_of, swap_name
from fft_core.engines.protocol import ColumnType, RelationKind
from fft_core.engines.spec import Capabilities
from fft_core.engines.spec.layout import Layout, LayoutError, Partition
from fft_core.engines.stamp import mark_in, unmarked
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.databricks.session import SparkEngineSession

_NEXT, _PLACE = "fft.next", "fft.place"


class SparkPublisher(SwapByStatement):
    """Publishing of a table by `create or replace table ... tblproperties(...) as select * from` its stage."""

    def __init__(self, session: SparkEngineSession, spelling: DatabricksSpelling) -> None:
        super().__init__(session)
        self._spark = session
        self._own = spelling

    @property
    def spelling(self) -> DatabricksSpelling:
        return self._own

    @property
    def can(self) -> Capabilities:
        return capabilities_of(self._own.form)

    def publisher_of(self, layout: Layout) -> SparkPublisher:
        form = layout.table_format
        if form in (None, self._own.form):
            return self
        if form == PARQUET:
            message = f"a table of a profile with table_format {self._own.form} cannot be of parquet"
            hint = "Set parquet in the profile, and another format in the models: sessions remember files of Parquet."
            raise LayoutError("table_format", message, hint)
        return SparkPublisher(self._spark, SPELLINGS[str(form)](self._own.table_options))

    def staged(self, stage: Relation, kind: RelationKind, query: str, layout: Layout) -> str:
        self._own.laid_out(layout)  # raises before the query runs
        return super().staged(stage, kind, query, layout)

    def swap(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> bool:
        """Write a stage to a table; a table of another format is renamed before, and dropped afterwards."""
        there = listed(self._spark.fetch, self._own, [relation]).get(relation)
        if there is None or there.form in ("", self._own.form):
            return super().swap(stage, relation, comment, layout)
        before = relation.named(swap_name(relation.name))
        self._spark.execute(self._own.rename(relation, before.name))
        self._spark.execute(self.swapped(stage, relation, comment, layout))
        self._spark.execute(self._own.drop(before, "table"))
        return True

    def replace(self, relation: Relation, kind: RelationKind, query: str, comment: str) -> None:
        """Create or replace a view; one that then still has its old query is dropped and created.

        For Iceberg's session catalog on Hive: it replaces the query in its own files alone, and Spark reads the text
        in Hive (apache/iceberg#15490).
        """
        super().replace(relation, kind, query, comment)
        found = information_in(self._spark.fetch, self._own, relation, relation.name)
        if any("table_type=ICEBERG-VIEW" in told and query_in(told) != query.strip() for _, told in found):
            self.make_room(relation, kind)
            super().replace(relation, kind, query, comment)

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
        super().__init__(session, spelling)
        self._spelling = spelling

    def staged(self, stage: Relation, kind: RelationKind, query: str, layout: Layout) -> str:
        """Render a stage with its layout: the folder of the stage becomes that of the table."""
        return self._spelling.create_as(stage, kind, query, replaces=False, layout=layout)

    def swap(self, stage: Relation, relation: Relation, comment: str, layout: Layout) -> bool:
        both = listed(self._spark.fetch, self._spelling, [stage, relation])
        there, made = both.get(relation), both[stage]
        added = None if there is None or layout.is_new or not _is_alike(there, made) else _added(there, made)
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

    def keep(self, relation: Relation, query: str, others: str) -> bool:
        """Replace the rows of a table by those of a query, which may read it; this is the DELETE of Parquet.

        The query `others` reads the rows that are deleted: without any, the table stays as it is. Return False for a
        table of another format, which has a DELETE of its own.
        """
        there = listed(self._spark.fetch, self._spelling, [relation]).get(relation)
        if there is not None and there.form not in ("", PARQUET):
            return False
        if not self._spark.fetch(f"{others} limit 1"):
            return True
        if there is not None and there.is_tracked:
            self._spelling.refuse("DELETE of rows in tables of Parquet whose partitions are listed in the catalog")
        for old in self.retired(relation, prefix_of(relation.name)):
            self._spark.execute(self._spelling.drop(old, "table"))
        stage = relation.named(swap_name(relation.name))
        layout = Layout(tuple(map(Partition, there.partitions))) if there is not None else Layout()
        self._spark.execute(self._spelling.create_as(stage, "table", query, replaces=False, layout=layout))
        both = listed(self._spark.fetch, self._spelling, [stage, relation])
        self._read_from(stage, both[stage], relation, both[relation], None)
        return True

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


def _is_alike(there: Listed, made: Listed) -> bool:
    """Whether a table can read the folder of another one: partitions that the catalog lists have their own folders."""
    same = [name.lower() for name in there.partitions] == [name.lower() for name in made.partitions]
    return same and there.form in ("", made.form) and not (there.is_tracked or made.is_tracked)


def _added(there: Listed, made: Listed) -> bool | None:
    """Whether columns were added at the end; None if others have changed."""
    before, now = there.fields.lower(), made.fields.lower()
    if before == now:
        return False
    return True if now.startswith(f"{before}\n |-- ") else None


def _is_retired(relation: Relation, info: Listed) -> bool:
    folder = info.location.rstrip("/").rpartition("/")[2].lower()
    return folder not in (relation.name.lower(), f"{relation.name.lower()}_gone")
