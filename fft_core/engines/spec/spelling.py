"""The statements of ours, spelled for a dialect: one `Spelling` each, and nothing else in the house writes them.

What is done in which order is decided elsewhere, by what an engine can do; a spelling only knows the words. It is pure:
no driver is imported, no database is asked. Each method has its text in `tests/spelling/golden/<dialect>.sql`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, NoReturn, TypeAlias

from fft_core.engines.spec.patterns import common_pattern
from fft_core.errors import EngineError, StatementError
from fft_core.names import Relation

if TYPE_CHECKING:
    from fft_core.engines.protocol import ColumnType, RelationKind

# Our words for types, in the tables and columns that we add to what the user's queries make.
TypeWord: TypeAlias = Literal["text", "integer", "small integer", "number", "boolean", "date", "timestamp", "zoned"]
ClockWord: TypeAlias = Literal["zoned", "timestamp", "date", "time", "zoned time"]
TimePart: TypeAlias = Literal["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
ROWS = "_ff_all_rows"
_AS = " as\n"  # before a query
CHANGED = "_ff_t"  # what a statement calls the table that it changes; no column has that name


class NotSpelledError(StatementError):
    """The dialect has no statement for this: whoever asks the engine's capabilities first never comes here."""


def unused(name: str, columns: Iterable[str]) -> str:
    """Return a name that none of these columns has, in no case of letters.

    >>> unused("_ff_rank", ["id"]), unused("_ff_rank", ["_FF_RANK"])
    ('_ff_rank', '_ff_rank_')
    """
    taken = {column.lower() for column in columns}
    while name in taken:
        name += "_"
    return name


def rows_of(columns: Iterable[str]) -> str:
    """Return what a scan calls a whole row of a relation with these columns."""
    return unused(ROWS, columns)


def word(kind: RelationKind) -> str:
    """Spell what a relation is.

    >>> word("materialized_view")
    'materialized view'
    """
    return kind.replace("_", " ")


def begin_of_query(statement: str) -> int:
    """Return where the query begins in a statement that creates something from one; 0 in others.

    >>> begin_of_query("create view v as\\nselect 1"), begin_of_query("select 1")
    (17, 0)
    """
    head, _, rest = statement.partition(" as\n")
    return len(statement) - len(rest) if rest and head.startswith("create ") and "\n" not in head else 0


class Texts:
    """Names and texts. The base spells what standard SQL, DuckDB and Postgres have in common, as the classes below do.

    Attributes:
        dialect: As sqlglot calls it.
        quote: What stands around a name.
        types: How our words for types are spelled.
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
        """Quote one name. Raises EngineError if no name can be spelled so."""
        self.refuse_nul(name)
        return f"{self.quote}{name.replace(self.quote, self.quote * 2)}{self.quote}"

    def relation(self, relation: Relation) -> str:
        """Spell a relation, every part quoted."""
        return ".".join(self.quoted(part) for part in relation.parts)

    def text(self, value: str) -> str:
        """Spell a text. Raises EngineError for one with a NUL, which ends a text for some servers."""
        self.refuse_nul(value)
        return "'" + value.replace("'", "''") + "'"

    def refuse_nul(self, value: str) -> None:
        """Raise EngineError for a text or name with a NUL in it: a server may read only what is before it."""
        if "\0" in value and not self.takes_nul:
            raise EngineError(f"{value!r} has a NUL character in it, which {self.dialect} cannot spell")

    def refuse(self, what: str) -> NoReturn:
        """Raise NotSpelledError."""
        raise NotSpelledError(f"{self.dialect} has no {what}", sql="")


class Values(Texts):
    """Values of Python, and types."""

    def literal(self, value: object) -> str:
        """Spell a value of Python; a time is UTC, without a zone."""
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
        """Spell a list of values, as in `in (...)`."""
        return ", ".join(self.literal(value) for value in values)

    def timestamp(self, value: datetime) -> str:
        """Spell a time without a zone."""
        return f"timestamp '{value:%Y-%m-%d %H:%M:%S.%f}'"

    def zoned(self, value: datetime) -> str:
        """Spell a point in time; one without a zone is UTC."""
        utc = value.astimezone(UTC) if value.tzinfo else value
        return self.cast(f"'{utc:%Y-%m-%d %H:%M:%S.%f}+00:00'", "zoned")

    def interval(self, text: str) -> str:
        """Spell an interval that is written as a number and a unit: `3 days`."""
        return f"interval '{text}'"

    def earlier(self, time: str, interval: str) -> str:
        """Spell the time that is before another by an interval, which is written as a number and a unit."""
        return f"{time} - {self.interval(interval)}"

    def cast(self, value: str, kind: TypeWord) -> str:
        """Cast a value to a type of ours."""
        return f"cast({value} as {self.types[kind]})"

    def cast_to(self, value: str, type: str) -> str:
        """Cast a value to a type of the engine."""
        return f"cast({value} as {type})"

    def in_utc(self, value: str) -> str:
        """Spell the time of a point in time, in UTC and without a zone."""
        return f"({value} at time zone 'UTC')"

    def at_utc(self, value: str) -> str:
        """Spell the point in time of a time that is UTC and has no zone."""
        return f"{value} at time zone 'UTC'"

    def now(self) -> str:
        """Spell the time of the server's clock, in UTC and without a zone."""
        return self.in_utc("current_timestamp")

    def is_zoned(self, kind: str) -> bool:
        """Whether a type of the engine is that of points in time; `kind` is as the database spells it."""
        lower = kind.lower()
        return "time zone" in lower.replace("without time zone", "") or lower == "timestamptz"

    def finite(self, time: str) -> str:
        """Spell a time that is NULL if it is infinite, for types that have such a value."""
        return f"nullif({time}, cast('infinity' as timestamp))"

    def given(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Spell rows of values, of which there is one at least, as what stands behind FROM; it is called `_ff_v`."""
        cells = ",\n    ".join(f"({', '.join(row)})" for row in rows)
        return f"(values\n    {cells}\n) as _ff_v({', '.join(names)})"


class Clocks(Values):
    """The functions that tell the time, and the time that they are replaced by in tests.

    Attributes:
        clocks: What each function gives, by its name in small letters; sessions are in UTC.
        bare_clocks: Those of them that are called without parentheses.
        other_clocks: Functions that read the clock and give something else: with how many arguments, None for any.
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
        """Return what a column is called that a call without arguments makes, if it gets no other name."""
        return name

    def clock(self, at: datetime, kind: ClockWord) -> str:
        """Spell what a function that tells the time would give at a point in time."""
        utc = at.astimezone(UTC)
        if kind not in self.clocks.values():
            self.refuse(f"function that tells a {kind}")
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
    """What is asked and made of values."""

    def is_nan(self, value: str) -> str:
        """Spell that a number is NaN, which is equal to itself, and above all others."""
        return f"{value} = cast('NaN' as {self.types['number']})"

    def matches(self, text: str, pattern: str) -> str:
        """Spell that a part of a text matches a pattern, which is one of ours: see `patterns.py`."""
        return f"regexp_matches({text}, {self.text(common_pattern(pattern))}, 's')"

    def differs(self, one: str, other: str) -> str:
        """Spell that two values are not the same; NULL is the same as NULL."""
        return f"{one} is distinct from {other}"

    def greatest(self, values: Sequence[str]) -> str:
        """Spell the greatest of several values, NULL left out. The first is never NULL."""
        return f"greatest({', '.join(values)})"

    def is_before(self, one: Sequence[str], other: Sequence[str]) -> str:
        """Spell that a list of values comes before another in their order.

        A comparison of rows, which not every dialect has, is spelled out: `a < c or (a = c and b < d)`.
        """
        *rest, last = [f"{a} < {b}" for a, b in zip(one, other, strict=True)]
        for position in reversed(range(len(rest))):
            last = f"{rest[position]} or ({one[position]} = {other[position]} and ({last}))"
        return f"({last})"

    def safe_cast(self, value: str, kind: str) -> str:
        """Cast a value to a type of the engine; NULL, or an error of the database, if it cannot be cast."""
        return f"try_cast({value} as {kind})"

    def date_trunc(self, time: str, part: TimePart) -> str:
        """Cut a time to the begin of a part of it."""
        return f"date_trunc('{part}', {time})"

    def date_add(self, time: str, part: TimePart, amount: int) -> str:
        """Add to a time; quarters are months."""
        return f"{time} + {self.interval(f'{amount} {part}')}"

    def hashed(self, texts: Sequence[str]) -> str:
        """Spell the MD5, as hexadecimal text, of several texts with `||` between them."""
        return f"md5({self.joined(texts)})"

    def joined(self, texts: Sequence[str]) -> str:
        """Spell texts with `||` between them, however many they are. None of them is NULL."""
        # a list: no deep expression of operators, and not more arguments than a function may have
        return f"array_to_string(array[{', '.join(texts)}], '||')" if texts else "''"


class Schemas(Expressions):
    """Statements about schemas."""

    def create_schema(self, relation: Relation) -> str:
        """Create the schema that a relation lies in, if it is missing."""
        return f"create schema if not exists {self.schema(relation)}"

    def schema(self, relation: Relation) -> str:
        """Spell the schema that a relation lies in."""
        return ".".join(self.quoted(part) for part in (relation.catalog, relation.schema) if part)

    def use_schema(self, relation: Relation) -> str | None:
        """Look for unqualified names in the schema of a relation first; None if sessions do so by themselves."""
        return None


class Definitions(Schemas):
    """Statements that create, alter, drop and comment. `query` is the user's, or made of the expressions above."""

    def create_as(
        self, relation: Relation, kind: RelationKind, query: str, *, replaces: bool = True, stamp: str | None = None
    ) -> str:
        """Create, or replace, a table or view from a query. The query begins behind ` as` and the end of its line.

        Args:
            relation: What is created.
            kind: As what.
            query: Its rows.
            replaces: Whether one that is there is replaced.
            stamp: The comment that the statement leaves; not every dialect can.
        """
        verb = "create or replace" if replaces else "create"
        return f"{verb} {self.kind(kind)} {self.relation(relation)}{self.options(kind, stamp)} as\n{query}"

    def kind(self, kind: RelationKind) -> str:
        """Spell what a relation is, in statements that create, drop and comment on it."""
        return word(kind)

    def options(self, kind: RelationKind, stamp: str | None) -> str:
        """Spell the comment of what is being created, in the statement that creates it."""
        return self.refuse("comments in the statement that creates a relation") if stamp is not None else ""

    def create_table(self, relation: Relation, columns: Mapping[str, TypeWord]) -> str:
        """Create a table of ours, if it is missing; its names need no quotes."""
        spelled = ", ".join(f"{name} {self.types[kind]}" for name, kind in columns.items())
        return f"create table if not exists {self.relation(relation)} ({spelled})"

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> str:
        """Create a table, or a view, from a query that only this session sees."""
        return f"create temporary {self.kind(kind)} {self.quoted(name)} as\n{query}"

    def create_empty(self, name: str, columns: Sequence[ColumnType]) -> str:
        """Create a table with columns of these types, and without rows, that only this session sees."""
        spelled = ", ".join(f"{self.quoted(column.name)} {column.type}" for column in columns)
        created = self.create_temporary(name, "")  # where there are none, it says so
        return f"{created.removesuffix(_AS)} ({spelled})"

    def add_column(self, relation: Relation, column: ColumnType) -> str:
        """Add a column, NULL in the rows of the table."""
        return f"alter table {self.relation(relation)} add column {self.quoted(column.name)} {column.type}"

    def drop_column(self, relation: Relation, name: str) -> str:
        """Drop a column."""
        return f"alter table {self.relation(relation)} drop column {self.quoted(name)}"

    def change_type(self, relation: Relation, column: ColumnType) -> str:
        """Give a column another type; its values are cast. Raises NotSpelledError if the table must be rewritten."""
        name = self.quoted(column.name)
        cast = f"cast({name} as {column.type})"
        return f"alter table {self.relation(relation)} alter column {name} set data type {column.type} using {cast}"

    def drop(self, relation: Relation, kind: RelationKind) -> str:
        """Drop a relation that exists."""
        return f"drop {self.kind(kind)} {self.relation(relation)}"

    def rename(self, relation: Relation, name: str) -> str:
        """Give a table another name in the same schema."""
        return f"alter table {self.relation(relation)} rename to {self.quoted(name)}"

    def comment_on(self, relation: Relation, kind: RelationKind, comment: str) -> str:
        """Comment on a table or view."""
        return f"comment on {self.kind(kind)} {self.relation(relation)} is {self.text(comment)}"

    def comment_on_column(self, relation: Relation, column: str, comment: str) -> str:
        """Comment on a column of a table or view."""
        return f"comment on column {self.relation(relation)}.{self.quoted(column)} is {self.text(comment)}"


class Spelling(Definitions):
    """All statements: these read and change rows.

    Attributes:
        name_column: Where a row of `names_like` holds the name.
    """

    name_column: ClassVar[int] = 0

    def select_all(self, relation: Relation) -> str:
        """Read all of a relation."""
        return f"select * from {self.relation(relation)}"

    def drop_schema(self, relation: Relation) -> str:
        """Drop the schema that a relation lies in, with all that is in it, if it is there."""
        return f"drop schema if exists {self.schema(relation)} cascade"

    def names_like(self, relation: Relation, prefix: str) -> str:
        """Read the names of what lies beside a relation and begins so, as this dialect keeps plain names."""
        catalog = f"{self.quoted(relation.catalog)}." if relation.catalog else ""
        is_named = f"substr(table_name, 1, {len(prefix)}) = {self.text(prefix)}"
        where = f"table_schema = {self.literal(relation.schema)} and {is_named}"
        return f"select table_name from {catalog}information_schema.tables where {where}"

    def insert_row(self, relation: Relation, values: Mapping[str, object]) -> str:
        """Insert a row into a table of ours; names of columns need no quotes."""
        names = ", ".join(values)
        return f"insert into {self.relation(relation)} ({names}) values ({self.literals(values.values())})"

    def insert(self, relation: Relation, columns: Sequence[str], query: str) -> str:
        """Insert the rows of a query; the names of columns are spelled already."""
        return f"insert into {self.relation(relation)} ({', '.join(columns)}) {query}"

    def update(self, relation: Relation, values: Mapping[str, str], where: str) -> str:
        """Change rows of a table, which the condition calls CHANGED; names and values are spelled already."""
        return f"update {self.relation(relation)} as {CHANGED} set {_assigned(values)} where {where}"

    def update_from(self, relation: Relation, values: Mapping[str, str], rows: str, where: str) -> str:
        """Change the rows of a table, called CHANGED, that have one among others; `rows` brings its own alias."""
        return f"update {self.relation(relation)} as {CHANGED} set {_assigned(values)} from {rows} where {where}"

    def delete(self, relation: Relation, where: str | None) -> str:
        """Delete rows of a table; all of them without a condition."""
        return f"delete from {self.relation(relation)}" + (f" where {where}" if where else "")

    def delete_known(self, relation: Relation, rows: str, where: str) -> str:
        """Delete the rows of a table, called CHANGED, that have one among others; `rows` brings its own alias."""
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
        """Change and add rows of a table, called CHANGED, in one statement.

        Args:
            relation: The table.
            rows: The rows that are applied, with their alias.
            where: Which row of the table is the same one.
            update: What its columns get, by name; empty if nothing but the key is there.
            changed: Whether such a row differs at all.
            insert: What the columns of a new row get, by name.
        """
        matched = f"\nwhen matched and ({changed}) then update set {_assigned(update)}" if update else ""
        names, values = ", ".join(insert), ", ".join(insert.values())
        return (
            f"merge into {self.relation(relation)} as {CHANGED} using {rows} on {where}{matched}\n"
            f"when not matched then insert ({names}) values ({values})"
        )


class BackslashSpelling(Spelling):
    """Dialects in which a backslash takes the next character of a text along."""

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
