"""The SQL of Databricks and Spark, on Delta tables. Statements were checked by Spark's parser, not by Databricks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.spec.patterns import common_pattern
from fft_core.engines.spec.spelling import CHANGED, BackslashSpelling, ClockWord, TypeWord
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
    """Statements of Spark, on Delta tables."""

    def create_schema(self, relation: Relation) -> str:
        return super().create_schema(relation).replace("create schema", "create database", 1)

    def kind(self, kind: RelationKind) -> str:
        return self.refuse("materialized views of ours") if kind == "materialized_view" else super().kind(kind)

    def options(self, kind: RelationKind, stamp: str | None) -> str:
        form = " using delta" if kind == "table" else ""
        return form if stamp is None else f"{form} comment {self.text(stamp)}"

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> str:
        return super().create_temporary(name, query, kind) if kind == "view" else self.refuse("temporary tables")

    def create_table(self, relation: Relation, columns: Mapping[str, TypeWord]) -> str:
        return f"{super().create_table(relation, columns)} using delta"

    def change_type(self, relation: Relation, column: ColumnType) -> str:
        return self.refuse("change of a column's type that casts its values")

    def update_from(self, relation: Relation, values: Mapping[str, str], rows: str, where: str) -> str:
        changes = ", ".join(f"{name} = {value}" for name, value in values.items())
        return (
            f"merge into {self.relation(relation)} as {CHANGED} using {rows} on {where}\n"
            f"when matched then update set {changes}"
        )

    def comment_on(self, relation: Relation, kind: RelationKind, comment: str) -> str:
        if kind == "view":
            return f"alter view {self.relation(relation)} set tblproperties('comment' = {self.text(comment)})"
        return super().comment_on(relation, kind, comment)

    def comment_on_column(self, relation: Relation, column: str, comment: str) -> str:
        return f"alter table {self.relation(relation)} alter column {self.quoted(column)} comment {self.text(comment)}"


SPELLING = DatabricksSpelling()
