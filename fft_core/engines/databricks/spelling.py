"""The SQL of Databricks and Spark, on Delta tables. Statements were checked by Spark's parser, not by Databricks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.spec.layout import Layout, LayoutError, Partition, option_text
from fft_core.engines.spec.patterns import common_pattern
from fft_core.engines.spec.spelling import CHANGED, BackslashSpelling, ClockWord, TypeWord
from fft_core.engines.stamp import mark_in, unmarked
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import ColumnType, RelationKind


class SparkValues(BackslashSpelling):
    """Values of Spark, in a session whose time zone is UTC."""

    dialect: ClassVar[str] = "databricks"
    quote: ClassVar[str] = "`"
    types: ClassVar[Mapping[TypeWord, str]] = MappingProxyType(
        {
            "text": "string",
            "integer": "bigint",
            "small integer": "int",
            "number": "double",
            "boolean": "boolean",
            "date": "date",
            "timestamp": "timestamp_ntz",
            "zoned": "timestamp",
        }
    )

    clocks: ClassVar[Mapping[str, ClockWord]] = MappingProxyType(
        {
            "current_timestamp": "zoned",
            "now": "zoned",
            "getdate": "zoned",
            "current_date": "date",
            "curdate": "date",
            "localtimestamp": "timestamp",
        }
    )
    bare_clocks: ClassVar[frozenset[str]] = frozenset({"current_timestamp", "current_date"})
    other_clocks: ClassVar[Mapping[str, int | None]] = MappingProxyType({"unix_timestamp": 0})

    def timestamp(self, value: datetime) -> str:
        return f"timestamp_ntz '{value:%Y-%m-%d %H:%M:%S.%f}'"

    def in_utc(self, value: str) -> str:
        return self.cast(value, "timestamp")

    def at_utc(self, value: str) -> str:
        return self.cast(value, "zoned")

    def is_zoned(self, kind: str) -> bool:
        return kind.lower() == "timestamp"

    def interval(self, text: str) -> str:
        number, unit = text.split()
        return f"interval {int(number)} {unit}"

    def greatest(self, values: Sequence[str]) -> str:
        return f"greatest({', '.join(values)})"  # NULL is ignored

    def matches(self, text: str, pattern: str) -> str:
        whole = common_pattern(pattern, end=r"\z")  # the $ of Spark also matches before a line end at the end
        return f"{text} rlike {self.text('(?s)' + whole)}"

    def is_nan(self, value: str) -> str:
        return f"isnan({self.cast(value, 'number')})"

    def joined(self, texts: Sequence[str]) -> str:
        return f"array_join(array({', '.join(texts)}), '||')" if texts else "''"


class DatabricksSpelling(SparkValues):
    """Statements of Spark, on Delta tables.

    The mark of a build is a property of the relation, and not in its comment: one statement sets both.

    Args:
        table_options: Properties that each table gets, from the profile.
    """

    form: ClassVar[str] = "delta"
    has_clusters: ClassVar[bool] = True

    def __init__(self, table_options: Mapping[str, str] | None = None) -> None:
        self.table_options: Mapping[str, str] = table_options or {}

    def create_schema(self, relation: Relation) -> str:
        return super().create_schema(relation).replace("create schema", "create database", 1)

    def names_like(self, relation: Relation, prefix: str) -> str:
        return f"show tables in {self.schema(relation)} like {self.text(prefix + '*')}"

    def kind(self, kind: RelationKind) -> str:
        return self.refuse("materialized views of ours") if kind == "materialized_view" else super().kind(kind)

    def options(self, kind: RelationKind, stamp: str | None, layout: Layout) -> str:
        is_table, own = kind == "table", {name: option_text(value) for name, value in layout.table_options}
        form = f" using {self.form}{self.laid_out(layout)}" if is_table else ""
        properties = {**self.table_options, **own} if is_table else {}
        if stamp is None:
            return form + self.properties(properties)
        text, mark = unmarked(stamp), mark_in(stamp)
        comment = f" comment {self.text(text)}" if text else ""
        return f"{form}{comment}{self.properties({**properties, MARK: mark})}"

    def laid_out(self, layout: Layout) -> str:
        """Render the partitions of a new table, or else its clusters. Raises LayoutError."""
        partitions = [spelled for one in layout.partition_by if (spelled := self.partition(one)) is not None]
        clusters = [self.quoted(one.text) for one in layout.cluster_by if self.has_clusters and not one.is_expression]
        wrong = next((one.text for one in layout.cluster_by if self.has_clusters and one.is_expression), None)
        if wrong is not None:
            hint = "Add a column with its value to the model, and name that."
            raise LayoutError("cluster_by", f"{self.form} clusters by columns, not by {wrong!r}", hint)
        if partitions:
            return f" partitioned by ({', '.join(partitions)})"
        return f" cluster by ({', '.join(clusters)})" if clusters else ""

    def partition(self, partition: Partition) -> str | None:
        """Render one column of partitions; None if tables of the format have no such partitions."""
        is_by_value = partition.granularity is None or (partition.granularity == "day" and partition.type == "date")
        return self.quoted(partition.column) if is_by_value and partition.range is None else None

    def properties(self, values: Mapping[str, str]) -> str:
        """Render the properties of a new relation; empty text if there are none."""
        spelled = ", ".join(f"{self.text(name)} = {self.text(value)}" for name, value in values.items())
        return f" tblproperties({spelled})" if spelled else ""

    def set_properties(self, relation: Relation, kind: RelationKind, values: Mapping[str, str]) -> str:
        """Render the statement that sets properties of an existing relation."""
        return f"alter {self.kind(kind)} {self.relation(relation)} set{self.properties(values)}"

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> str:
        return super().create_temporary(name, query, kind) if kind == "view" else self.refuse("temporary tables")

    def create_table(self, relation: Relation, columns: Mapping[str, TypeWord]) -> str:
        return f"{super().create_table(relation, columns)} using {self.form}"

    def add_column(self, relation: Relation, column: ColumnType) -> str:
        return f"alter table {self.relation(relation)} add columns ({self.quoted(column.name)} {column.type})"

    def change_type(self, relation: Relation, column: ColumnType) -> str:
        return self.refuse("change of a column's type that casts its values")

    def update_from(self, relation: Relation, values: Mapping[str, str], rows: str, where: str) -> str:
        changes = ", ".join(f"{name} = {value}" for name, value in values.items())
        return (
            f"merge into {self.relation(relation)} as {CHANGED} using {rows} on {where}\n"
            f"when matched then update set {changes}"
        )

    def comment_on(self, relation: Relation, kind: RelationKind, comment: str) -> str:
        return self.set_properties(relation, kind, {"comment": unmarked(comment), MARK: mark_in(comment)})

    def comment_on_column(self, relation: Relation, column: str, comment: str) -> str:
        return f"alter table {self.relation(relation)} alter column {self.quoted(column)} comment {self.text(comment)}"


class IcebergSpelling(DatabricksSpelling):
    """Statements of Spark, on tables of Iceberg."""

    form: ClassVar[str] = "iceberg"
    has_clusters: ClassVar[bool] = False

    def partition(self, partition: Partition) -> str | None:
        if partition.granularity is None or partition.range is not None:
            return super().partition(partition)
        return f"{partition.granularity}s({self.quoted(partition.column)})"


class ParquetSpelling(DatabricksSpelling):
    """Statements of Spark, on tables of Parquet files, whose rows cannot be changed."""

    form: ClassVar[str] = "parquet"
    has_clusters: ClassVar[bool] = False

    def set_location(self, relation: Relation, location: str) -> str:
        """Render the statement after which a table reads the rows of another folder."""
        return f"alter table {self.relation(relation)} set location {self.text(location)}"

    def delete(self, relation: Relation, where: str | None) -> str:
        return super().delete(relation, where) if where else f"truncate table {self.relation(relation)}"

    def kept(self, delete: str) -> tuple[Relation, str, str] | None:
        """Return the table of a DELETE of ours, and the queries of the rows that it keeps, and of the others.

        None of any other statement.
        """
        found = _DELETE.fullmatch(delete)
        if found is None:
            return None
        *before, name = (part.replace("``", "`") for part in re.findall(r"`((?:[^`]|``)+)`", found[1]))
        relation = Relation(name, before[-1] if before else None, before[-2] if len(before) > 1 else None)
        condition = found[2] if found[2].startswith("exists (") else f"coalesce({found[2]}, false)"
        rows = f"select * from {found[1]} as {CHANGED} where"
        return relation, f"{rows} not {condition}", f"{rows} {condition}"

    def update(self, relation: Relation, values: Mapping[str, str], where: str) -> str:
        return self.refuse("UPDATE of rows in tables of Parquet")


_DELETE = re.compile(rf"delete from (`(?:[^`]|``)+`(?:\.`(?:[^`]|``)+`)*)(?: as {CHANGED})? where (.*)", re.DOTALL)
MARK = "fft.mark"  # the property that holds what a build leaves on a relation
SPELLINGS: Mapping[str, type[DatabricksSpelling]] = MappingProxyType(
    {"parquet": ParquetSpelling, "delta": DatabricksSpelling, "iceberg": IcebergSpelling}
)
SPELLING = DatabricksSpelling()
