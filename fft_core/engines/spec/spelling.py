"""The statements by which FFT creates and changes relations, and SQL that differs by dialect: one `Spelling` for each.

The callers decide, by the engine's capabilities, which statements run and in which order; a spelling only renders. It
is pure: it imports no driver, and asks no database. `tests/spelling/golden/<dialect>.sql` has the text of each method.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, NoReturn, TypeAlias

from fft_core.engines.spec.layout import NO_LAYOUT, Layout
from fft_core.engines.spec.patterns import common_pattern
from fft_core.errors import EngineError, StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import ColumnType, RelationKind

# FFT's type names, for the tables and columns that FFT adds to those of the user's queries.
TypeWord: TypeAlias = Literal["text", "integer", "small integer", "number", "boolean", "date", "timestamp", "zoned"]
ClockWord: TypeAlias = Literal["zoned", "timestamp", "date", "time", "zoned time"]
TimePart: TypeAlias = Literal["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
ROWS = "_ff_all_rows"
_AS = " as\n"  # before a query
CHANGED = "_ff_t"  # the alias of the table that a statement changes; no column has that name


class NotSpelledError(StatementError):
    """The error for a statement that a dialect does not have; callers that check the capabilities never get it."""

    default_code = "FFT-603"


def unused(name: str, columns: Iterable[str]) -> str:
    """Return a name that none of these columns has; case is ignored.

    >>> unused("_ff_rank", ["id"]), unused("_ff_rank", ["_FF_RANK"])
    ('_ff_rank', '_ff_rank_')
    """
    taken = {column.lower() for column in columns}
    while name in taken:
        name += "_"
    return name


def rows_of(columns: Iterable[str]) -> str:
    """Return the name that a scan uses for a whole row of a relation with these columns."""
    return unused(ROWS, columns)


def word(kind: RelationKind) -> str:
    """Render the kind of a relation.

    >>> word("materialized_view")
    'materialized view'
    """
    return kind.replace("_", " ")


def begin_of_query(statement: str) -> int:
    """Return the position of the query in a statement that creates a relation from one; 0 in other statements.

    >>> begin_of_query("create view v as\\nselect 1"), begin_of_query("select 1")
    (17, 0)
    """
    head, _, rest = statement.partition(" as\n")
    return len(statement) - len(rest) if rest and head.startswith("create ") and "\n" not in head else 0


class Texts:
    """Names and texts. This class, as those below, renders what standard SQL, DuckDB and Postgres have in common.

    Attributes:
        dialect: The name of the dialect in sqlglot.
        quote: The mark around a name.
        types: The dialect's types for FFT's type names.
        takes_nul: Whether texts and names can have a NUL in them.
        groups_values: Whether rows are counted by value much faster than a pattern is matched with each of them.
    """

    dialect: ClassVar[str] = ""
    quote: ClassVar[str] = '"'
    takes_nul: ClassVar[bool] = False
    groups_values: ClassVar[bool] = False
    types: ClassVar[Mapping[TypeWord, str]] = MappingProxyType(
        {
            "text": "varchar",
            "integer": "bigint",
            "small integer": "integer",
            "number": "double precision",
            "boolean": "boolean",
            "date": "date",
            "timestamp": "timestamp",
            "zoned": "timestamptz",
        }
    )

    def quoted(self, name: str) -> str:
        """Quote one name. Raises EngineError if the name cannot be quoted."""
        self.refuse_nul(name)
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def relation(self, relation: Relation) -> str:
        """Render a relation, every part quoted."""
        return ".".join(self.quoted(part) for part in relation.parts)

    def text(self, value: str) -> str:
        """Render a text. Raises EngineError for one with a NUL, which ends a text for some servers."""
        self.refuse_nul(value)
        return "'" + value.replace("'", "''") + "'"

    def refuse_nul(self, value: str) -> None:
        """Raise EngineError for a text or name with a NUL: a server may read only the part before it."""
        if "\0" in value and not self.takes_nul:
            raise EngineError(f"{value!r} has a NUL character, which {self.dialect} cannot store", code="FFT-606")

    def refuse(self, what: str) -> NoReturn:
        """Raise NotSpelledError: the dialect does not have a feature."""
        raise NotSpelledError(f"{self.dialect} has no {what}", sql="")


class Values(Texts):
    """Values of Python, and types."""

    def literal(self, value: object) -> str:
        """Render a value of Python; a time is UTC, without a zone."""
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case float() if not math.isfinite(value):
                name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
                return self.cast(f"'{name}'", "number")
            case int() | float():
                return repr(value)
            case datetime():
                return self.timestamp(value)
        return self.text(str(value))

    def literals(self, values: Iterable[object]) -> str:
        """Render a list of values, as in `in (...)`."""
        return ", ".join(self.literal(value) for value in values)

    def timestamp(self, value: datetime) -> str:
        """Render a time without a zone."""
        return f"timestamp '{value:%Y-%m-%d %H:%M:%S.%f}'"

    def zoned(self, value: datetime) -> str:
        """Render a point in time; one without a zone is UTC."""
        utc = value.astimezone(UTC) if value.tzinfo else value
        return self.cast(f"'{utc:%Y-%m-%d %H:%M:%S.%f}+00:00'", "zoned")

    def interval(self, text: str) -> str:
        """Render an interval that is written as a number and a unit: `3 days`."""
        return f"interval '{text}'"

    def earlier(self, time: str, interval: str) -> str:
        """Render the time that is before another by an interval, which is written as a number and a unit."""
        return f"{time} - {self.interval(interval)}"

    def cast(self, value: str, kind: TypeWord) -> str:
        """Render the cast of a value to one of FFT's types."""
        return f"cast({value} as {self.types[kind]})"

    def cast_to(self, value: str, type: str) -> str:
        """Render the cast of a value to a type of the engine."""
        return f"cast({value} as {type})"

    def in_utc(self, value: str) -> str:
        """Render the time of a point in time, in UTC and without a zone."""
        return f"({value} at time zone 'UTC')"

    def at_utc(self, value: str) -> str:
        """Render the point in time of a time that is UTC and has no zone."""
        return f"{value} at time zone 'UTC'"

    def now(self) -> str:
        """Render the time of the server's clock, in UTC and without a zone."""
        return self.in_utc("current_timestamp")

    def is_zoned(self, kind: str) -> bool:
        """Whether a type of the engine has points in time; `kind` is the type as the database writes it."""
        lower = kind.lower()
        return "time zone" in lower.replace("without time zone", "") or lower == "timestamptz"

    def finite(self, time: str) -> str:
        """Render a time, or NULL if it is infinite, for types that have such a value."""
        return f"nullif({time}, cast('infinity' as timestamp))"

    def given(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Render one or more rows of values as a table for FROM, with the alias `_ff_v`."""
        cells = ",\n    ".join(f"({', '.join(row)})" for row in rows)
        return f"(values\n    {cells}\n) as _ff_v({', '.join(names)})"


class Clocks(Values):
    """The functions that return the time, and the fixed time that replaces them in tests.

    Attributes:
        clocks: The result of each function, by its lower-case name; sessions are in UTC.
        bare_clocks: The functions that are called without parentheses.
        other_clocks: Other functions that read the clock, with their number of arguments; None for any.
    """

    clocks: ClassVar[Mapping[str, ClockWord]] = MappingProxyType(
        {
            "current_timestamp": "zoned",
            "current_date": "date",
            "current_time": "zoned time",
            "localtimestamp": "timestamp",
            "localtime": "time",
        }
    )
    bare_clocks: ClassVar[frozenset[str]] = frozenset(
        {"current_timestamp", "current_date", "current_time", "localtimestamp", "localtime"}
    )
    other_clocks: ClassVar[Mapping[str, int | None]] = MappingProxyType({})

    def result_of_call(self, name: str) -> str:
        """Return the name of a column that is a call without arguments and has no alias."""
        return name

    def clock(self, at: datetime, kind: ClockWord) -> str:
        """Render the value that a function that returns the time would return at a point in time."""
        utc = at.astimezone(UTC)
        if kind not in self.clocks.values():
            self.refuse(f"function that returns the current {kind}")
        match kind:
            case "zoned":
                return self.zoned(utc)
            case "timestamp":
                return self.timestamp(utc)
            case "date":
                return self.cast(f"'{utc:%Y-%m-%d}'", "date")
            case "time":
                return self.cast_to(f"'{utc:%H:%M:%S.%f}'", "time")
            case "zoned time":
                return self.cast_to(f"'{utc:%H:%M:%S.%f}+00:00'", "time with time zone")


class Expressions(Clocks):
    """Conditions and functions of values."""

    def is_nan(self, value: str) -> str:
        """Render the condition that a number is NaN, which is equal to itself, and above all others."""
        return f"{value} = cast('NaN' as {self.types['number']})"

    def matches(self, text: str, pattern: str) -> str:
        """Render the condition that a part of a text matches one of FFT's patterns, see `patterns.py`."""
        return f"regexp_matches({text}, {self.text(common_pattern(pattern))}, 's')"

    def differs(self, one: str, other: str) -> str:
        """Render the condition that two values differ; NULL does not differ from NULL."""
        return f"{one} is distinct from {other}"

    def greatest(self, values: Sequence[str]) -> str:
        """Render the greatest of several values, without NULLs. The first is never NULL."""
        return f"greatest({', '.join(values)})"

    def is_before(self, one: Sequence[str], other: Sequence[str]) -> str:
        """Render the condition that a list of values comes before another in their order.

        Not every dialect can compare rows, so this compares columns: `a < c or (a = c and b < d)`.
        """
        *rest, last = [f"{a} < {b}" for a, b in zip(one, other, strict=True)]
        for position in reversed(range(len(rest))):
            last = f"{rest[position]} or ({one[position]} = {other[position]} and ({last}))"
        return f"({last})"

    def safe_cast(self, value: str, kind: str) -> str:
        """Render the cast of a value to a type of the engine; if it fails, the result is NULL or an error."""
        return f"try_cast({value} as {kind})"

    def date_trunc(self, time: str, part: TimePart) -> str:
        """Render a time that is truncated to the start of a year, month or other part."""
        return f"date_trunc('{part}', {time})"

    def date_add(self, time: str, part: TimePart, amount: int) -> str:
        """Render the sum of a time and an amount; callers give quarters as months."""
        return f"{time} + {self.interval(f'{amount} {part}')}"

    def hashed(self, texts: Sequence[str]) -> str:
        """Render the MD5, as hexadecimal text, of several texts with `||` between them."""
        return f"md5({self.joined(texts)})"

    def joined(self, texts: Sequence[str]) -> str:
        """Render texts with `||` between them, however many they are. None of them is NULL."""
        # an array: operators would be nested too deeply, and a function has a limit of arguments
        return f"array_to_string(array[{', '.join(texts)}], '||')" if texts else "''"


class Schemas(Expressions):
    """Statements about schemas, and about the server.

    Attributes:
        server_version: The query of the server's version, as it describes itself; None for a service without one.
    """

    server_version: ClassVar[str | None] = "select version()"

    def create_schema(self, relation: Relation) -> str:
        """Render CREATE SCHEMA for the schema of a relation, if it is missing."""
        return f"create schema if not exists {self.schema(relation)}"

    def schema(self, relation: Relation) -> str:
        """Render the schema of a relation."""
        return ".".join(self.quoted(part) for part in (relation.catalog, relation.schema) if part)

    def use_schema(self, relation: Relation) -> str | None:
        """Render the statement that looks up names first in a relation's schema; None if sessions do so anyway."""
        return None


class Definitions(Schemas):
    """Statements that create, alter, drop and comment. `query` is the user's, or uses the expressions above."""

    def create_as(
        self,
        relation: Relation,
        kind: RelationKind,
        query: str,
        *,
        replaces: bool = True,
        stamp: str | None = None,
        layout: Layout = NO_LAYOUT,
    ) -> str:
        """Render CREATE, or CREATE OR REPLACE, for a table or view from a query, which begins on the line after ` as`.

        Args:
            relation: The relation to create.
            kind: Its kind.
            query: The query of its rows.
            replaces: Whether an existing relation is replaced.
            stamp: The comment that the statement writes; not every dialect can.
            layout: The layout of the table, with the columns as they are in it.
        """
        verb = "create or replace" if replaces else "create"
        return f"{verb} {self.kind(kind)} {self.relation(relation)}{self.options(kind, stamp, layout)} as\n{query}"

    def kind(self, kind: RelationKind) -> str:
        """Render the kind of a relation, in statements that create, drop and comment on it."""
        return word(kind)

    def options(self, kind: RelationKind, stamp: str | None, layout: Layout) -> str:
        """Render the layout of a relation, and the comment on it, in the statement that creates it."""
        if layout.keys:
            self.refuse(f"{layout.keys[0]} of tables")
        return self.refuse("comments in the statement that creates a relation") if stamp is not None else ""

    def create_table(self, relation: Relation, columns: Mapping[str, TypeWord]) -> str:
        """Render CREATE TABLE for one of FFT's tables, if it is missing; its names need no quotes."""
        spelled = ", ".join(f"{name} {self.types[kind]}" for name, kind in columns.items())
        return f"create table if not exists {self.relation(relation)} ({spelled})"

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> str:
        """Render CREATE for a temporary table or view from a query; only this session sees it."""
        return f"create temporary {self.kind(kind)} {self.quoted(name)} as\n{query}"

    def create_empty(self, name: str, columns: Sequence[ColumnType]) -> str:
        """Render CREATE for a temporary table without rows; only this session sees it."""
        spelled = ", ".join(f"{self.quoted(column.name)} {column.type}" for column in columns)
        created = self.create_temporary(name, "")  # raises if the dialect has no temporary tables
        return f"{created.removesuffix(_AS)} ({spelled})"

    def add_column(self, relation: Relation, column: ColumnType) -> str:
        """Render ADD COLUMN; the column is NULL in the rows of the table."""
        return f"alter table {self.relation(relation)} add column {self.quoted(column.name)} {column.type}"

    def drop_column(self, relation: Relation, name: str) -> str:
        """Render DROP COLUMN."""
        return f"alter table {self.relation(relation)} drop column {self.quoted(name)}"

    def change_type(self, relation: Relation, column: ColumnType) -> str:
        """Render the change of a column's type, with a cast. Raises NotSpelledError if a table must be rewritten."""
        name = self.quoted(column.name)
        cast = f"cast({name} as {column.type})"
        return f"alter table {self.relation(relation)} alter column {name} set data type {column.type} using {cast}"

    def drop(self, relation: Relation, kind: RelationKind) -> str:
        """Render DROP for a relation that exists."""
        return f"drop {self.kind(kind)} {self.relation(relation)}"

    def rename(self, relation: Relation, name: str) -> str:
        """Render the statement that renames a table in its schema."""
        return f"alter table {self.relation(relation)} rename to {self.quoted(name)}"

    def comment_on(self, relation: Relation, kind: RelationKind, comment: str) -> str:
        """Render COMMENT ON for a table or view."""
        return f"comment on {self.kind(kind)} {self.relation(relation)} is {self.text(comment)}"

    def comment_on_column(self, relation: Relation, column: str, comment: str) -> str:
        """Render COMMENT ON for a column of a table or view."""
        return f"comment on column {self.relation(relation)}.{self.quoted(column)} is {self.text(comment)}"


class Spelling(Definitions):
    """All statements: those of this class read and change rows."""

    def select_all(self, relation: Relation) -> str:
        """Render SELECT for all columns and rows of a relation."""
        return f"select * from {self.relation(relation)}"

    def drop_schema(self, relation: Relation) -> str:
        """Render DROP SCHEMA for the schema of a relation and everything in it, if it exists."""
        return f"drop schema if exists {self.schema(relation)} cascade"

    def grant_reading(self, relation: Relation) -> str:
        """Render GRANT for all users to read a table; for engines that claim `Capabilities.keeps_grants`."""
        return self.refuse("grants to all users")

    def grants_on(self, relation: Relation) -> str:
        """Render the query of the grants on a relation: their roles, and the privilege of each."""
        return self.refuse("grants in a catalog")

    def names_like(self, relation: Relation, prefix: str) -> str:
        """Render the query of the relations in a relation's schema whose names begin with an unquoted prefix."""
        catalog = f"{self.quoted(relation.catalog)}." if relation.catalog else ""
        is_named = f"substr(table_name, 1, {len(prefix)}) = {self.text(prefix)}"
        where = f"table_schema = {self.literal(relation.schema)} and {is_named}"
        return f"select table_name from {catalog}information_schema.tables where {where}"

    def insert_row(self, relation: Relation, values: Mapping[str, object]) -> str:
        """Render INSERT for a row of one of FFT's tables; names of columns need no quotes."""
        names = ", ".join(values)
        return f"insert into {self.relation(relation)} ({names}) values ({self.literals(values.values())})"

    def insert(self, relation: Relation, columns: Sequence[str], query: str) -> str:
        """Render INSERT for the rows of a query; the names of columns are already quoted."""
        return f"insert into {self.relation(relation)} ({', '.join(columns)}) {query}"

    def update(self, relation: Relation, values: Mapping[str, str], where: str) -> str:
        """Render UPDATE for the rows of a table, called CHANGED, that meet a condition; the arguments are rendered."""
        return f"update {self.relation(relation)} as {CHANGED} set {_assigned(values)} where {where}"

    def update_from(self, relation: Relation, values: Mapping[str, str], rows: str, where: str) -> str:
        """Render UPDATE for rows of a table, called CHANGED, that match other rows; `rows` includes its alias."""
        return f"update {self.relation(relation)} as {CHANGED} set {_assigned(values)} from {rows} where {where}"

    def delete(self, relation: Relation, where: str | None) -> str:
        """Render DELETE for rows of a table; for all of them without a condition."""
        return f"delete from {self.relation(relation)}" + (f" where {where}" if where else "")

    def delete_known(self, relation: Relation, rows: str, where: str) -> str:
        """Render DELETE for rows of a table, called CHANGED, that match other rows; `rows` includes its alias."""
        known = f"exists (select 1 from {rows} where {where})"
        return f"delete from {self.relation(relation)} as {CHANGED} where {known}"

    def merge(
        self,
        relation: Relation,
        rows: str,
        where: str,
        update: Mapping[str, str],
        changed: str,
        insert: Mapping[str, str],
    ) -> str:
        """Render MERGE, which updates and inserts rows of a table, called CHANGED, in one statement.

        Args:
            relation: The table.
            rows: The rows to apply, with their alias.
            where: The condition that a row of the table and a row to apply are the same one.
            update: The new values of its columns, by name; empty if the table has only key columns.
            changed: The condition that such a row differs.
            insert: The values of a new row, by column name.
        """
        matched = f"\nwhen matched and ({changed}) then update set {_assigned(update)}" if update else ""
        names, values = ", ".join(insert), ", ".join(insert.values())
        return (
            f"merge into {self.relation(relation)} as {CHANGED} using {rows} on {where}{matched}\n"
            f"when not matched then insert ({names}) values ({values})"
        )


class BackslashSpelling(Spelling):
    """Dialects in which a backslash escapes the next character of a text."""

    def text(self, value: str) -> str:
        self.refuse_nul(value)
        escaped = re.sub(r"[\\']", r"\\\g<0>", value)
        return "'" + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + "'"

    def finite(self, time: str) -> str:
        return time

    def greatest(self, values: Sequence[str]) -> str:
        first, *rest = values
        return f"greatest({', '.join([first, *(f'coalesce({value}, {first})' for value in rest)])})"

    def delete(self, relation: Relation, where: str | None) -> str:
        return super().delete(relation, where or "true")

    def given(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        selected = [", ".join(f"{v} as {name}" for name, v in zip(names, row, strict=True)) for row in rows]
        return f"({' union all '.join(f'select {row}' for row in selected)}) as _ff_v"

    def joined(self, texts: Sequence[str]) -> str:
        return f"array_to_string([{', '.join(texts)}], '||')" if texts else "''"


def _assigned(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())
