"""The SQL of BigQuery. Statements were checked by GoogleSQL's own analyzer, not by the service."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from fft_core.engines.bigquery.layout import TIMES
from fft_core.engines.spec.layout import Layout, Partition
from fft_core.engines.spec.patterns import common_pattern
from fft_core.engines.spec.spelling import BackslashSpelling, ClockWord, TimePart, TypeWord
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import ColumnType, RelationKind

_EXPIRES = " options(expiration_timestamp=timestamp_add(current_timestamp(), interval 2 day))"


class BigQueryValues(BackslashSpelling):
    """Statements of BigQuery: its `timestamp` is a point in time, its `datetime` a time without a zone."""

    dialect: ClassVar[str] = "bigquery"
    server_version: ClassVar[str | None] = None  # a service
    quote: ClassVar[str] = "`"
    types: ClassVar[Mapping[TypeWord, str]] = MappingProxyType(
        {
            "text": "string",
            "integer": "int64",
            "small integer": "int64",
            "number": "float64",
            "boolean": "bool",
            "date": "date",
            "timestamp": "datetime",
            "zoned": "timestamp",
        }
    )

    clocks: ClassVar[Mapping[str, ClockWord]] = MappingProxyType(
        {"current_timestamp": "zoned", "current_datetime": "timestamp", "current_date": "date", "current_time": "time"}
    )
    bare_clocks: ClassVar[frozenset[str]] = frozenset({*clocks})

    def quoted(self, name: str) -> str:
        self.refuse_nul(name)
        return "`" + re.sub(r"[\\`]", r"\\\g<0>", name) + "`"

    def timestamp(self, value: datetime) -> str:
        return f"datetime '{value:%Y-%m-%d %H:%M:%S.%f}'"

    def zoned(self, value: datetime) -> str:
        utc = value.astimezone(UTC) if value.tzinfo else value
        return f"timestamp '{utc:%Y-%m-%d %H:%M:%S.%f}+00:00'"

    def now(self) -> str:
        return "current_datetime('UTC')"

    def in_utc(self, value: str) -> str:
        return f"datetime({value}, 'UTC')"

    def at_utc(self, value: str) -> str:
        return f"timestamp({value}, 'UTC')"

    def is_zoned(self, kind: str) -> bool:
        return kind.lower() == "timestamp"

    def interval(self, text: str) -> str:
        number, unit = text.split()
        return f"interval {int(number)} {unit.removesuffix('s')}"

    def is_nan(self, value: str) -> str:
        return f"is_nan({self.cast(value, 'number')})"

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_contains({text}, {self.text('(?s)' + common_pattern(pattern))})"

    def safe_cast(self, value: str, kind: str) -> str:
        return f"safe_cast({value} as {kind})"

    def date_trunc(self, time: str, part: TimePart) -> str:
        return f"datetime_trunc({time}, {'isoweek' if part == 'week' else part})"

    def date_add(self, time: str, part: TimePart, amount: int) -> str:
        return f"datetime_add({time}, interval {amount} {part})"

    def hashed(self, texts: Sequence[str]) -> str:
        return f"to_hex(md5({self.joined(texts)}))"


class BigQuerySpelling(BigQueryValues):
    """Statements of BigQuery."""

    def options(self, kind: RelationKind, stamp: str | None, layout: Layout) -> str:
        options = {} if stamp is None else {"description": self.text(stamp)}
        if layout.labels:
            pairs = (f"({self.text(name)}, {self.text(value)})" for name, value in layout.labels)
            options["labels"] = f"[{', '.join(pairs)}]"
        options |= {name: self.literal(value) for name, value in layout.table_options}
        spelled = f" options({', '.join(f'{name}={value}' for name, value in options.items())})" if options else ""
        partitions = "".join(f" partition by {self._partition(one)}" for one in layout.partition_by)
        clusters = ", ".join(self.quoted(cluster.text) for cluster in layout.cluster_by)
        return f"{partitions}{f' cluster by {clusters}' if clusters else ''}{spelled}"

    def _partition(self, partition: Partition) -> str:
        name = self.quoted(partition.column)
        if partition.range is not None:
            return f"range_bucket({name}, generate_array({', '.join(map(str, partition.range))}))"
        is_plain = partition.type == "date" and partition.granularity in (None, "day")
        return name if is_plain else f"{TIMES[partition.type]}({name}, {partition.granularity or 'day'})"

    def names_like(self, relation: Relation, prefix: str) -> str:
        dataset = ".".join(self.quoted(part) for part in (relation.catalog, relation.schema) if part)
        is_named = f"substr(table_name, 1, {len(prefix)}) = {self.text(prefix)}"
        return f"select table_name from {dataset}.INFORMATION_SCHEMA.TABLES where {is_named}"

    def create_expiring(self, relation: Relation, kind: RelationKind, query: str) -> str:
        """Create a table of a query that is deleted by the service in the end, or a view."""
        options = _EXPIRES if kind == "table" else ""
        return f"create {self.kind(kind)} {self.relation(relation)}{options} as\n{query}"

    def create_expiring_empty(self, relation: Relation, columns: Sequence[ColumnType]) -> str:
        """Create a table of these columns that is deleted by the service in the end."""
        spelled = ", ".join(f"{self.quoted(column.name)} {column.type}" for column in columns)
        return f"create table {self.relation(relation)} ({spelled}){_EXPIRES}"

    def drop_if_exists(self, relation: Relation, kind: RelationKind) -> str:
        """Drop a relation if it is there."""
        return f"drop {self.kind(kind)} if exists {self.relation(relation)}"

    def in_transaction(self, statements: Sequence[str]) -> str:
        """Run statements that change rows in one transaction, as one script."""
        return self.script(["begin transaction", *statements, "commit transaction"])

    def script(self, statements: Sequence[str]) -> str:
        """Run statements one after the other, as one job."""
        return ";\n".join(statements) + ";"

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> str:
        return self.refuse("temporary tables outside of a session")

    def change_type(self, relation: Relation, column: ColumnType) -> str:
        return self.refuse("change of a column's type that casts its values")

    def comment_on(self, relation: Relation, kind: RelationKind, comment: str) -> str:
        return f"alter {self.kind(kind)} {self.relation(relation)} set options(description={self.text(comment)})"

    def comment_on_column(self, relation: Relation, column: str, comment: str) -> str:
        change = f"alter column {self.quoted(column)} set options(description={self.text(comment)})"
        return f"alter table {self.relation(relation)} {change}"


SPELLING = BigQuerySpelling()
