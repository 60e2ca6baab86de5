"""Every statement and expression of a `Spelling`, in an order in which a server can execute them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from fft_core.compile.stdlib import SqlHelpers
from fft_core.engines.bigquery.spelling import SPELLING as BIGQUERY
from fft_core.engines.databricks.spelling import SPELLING as DATABRICKS
from fft_core.engines.duckdb.spelling import SPELLING as DUCKDB
from fft_core.engines.postgres.spelling import SPELLING as POSTGRES
from fft_core.engines.protocol import ColumnType
from fft_core.engines.snowflake.spelling import SPELLING as SNOWFLAKE
from fft_core.engines.spec.layout import Cluster, Layout, Partition
from fft_core.engines.spec.spelling import CHANGED, NotSpelledError, Spelling, TypeWord
from fft_core.names import Relation

SPELLINGS = {s.dialect: s for s in (DUCKDB, POSTGRES, BIGQUERY, SNOWFLAKE, DATABRICKS)}
EXECUTED = ("duckdb", "postgres")

ORDERS, STAGE, GONE = Relation("orders", "shop"), Relation("_ff_stage_orders", "shop"), Relation("gone", "shop")
VIEW, STORED = Relation("best_orders", "shop"), Relation("stored_orders", "shop")
META = Relation("_ff_meta", "shop")
TIME = datetime(2026, 1, 3, 12, 30, 0, 250000, UTC)
MONTH, WEEK = datetime(2026, 1, 1), datetime(2025, 12, 29)
MONTH_TEXT = "'2026-01-01'"
HOSTILE = 'it\'s a \\ "text" {of} `ours`;\n-- [fft 1a 2b]'
PATTERN = r"^[\w\]]\.(?:\d+?|'\\)$"
JSON = json.dumps({"a": HOSTILE, "b": [1]})
META_COLUMNS: dict[str, TypeWord] = {"node_name": "text", "number": "small integer", "built_at": "timestamp"}

Spell: TypeAlias = Callable[[Spelling], str]


@dataclass(frozen=True)
class Shape:
    """A statement, or a query that shows an expression and gives `expected` where it is executed."""

    name: str
    spell: Spell
    expected: object = None

    @property
    def is_query(self) -> bool:
        return self.expected is not None

    def spelled(self, spelling: Spelling) -> str | None:
        """The text; None if the dialect has none."""
        try:
            return self.spell(spelling)
        except NotSpelledError:
            return None


PARTITIONED = Layout(
    partition_by=(Partition("day", type="date"),),
    cluster_by=(Cluster("order"), Cluster("id")),
    table_options=(("require_partition_filter", True), ("partition_expiration_days", 30)),
    labels=(("team", "core"), ("kind", "")),
)


def laid_out(s: Spelling) -> Layout:
    """Partitions of several values, and clusters by an expression for the dialect that has those."""
    clusters = (Cluster("to_date(at)", is_expression=True),) if s.dialect == "snowflake" else (Cluster("id"),)
    return Layout(partition_by=(Partition("at", "month", type="timestamp"),), cluster_by=clusters)


def selected(s: Spelling) -> str:
    """Rows for the stage."""
    return (
        f"select {s.cast('1', 'integer')} as {s.quoted('id')}, {s.cast('2.5', 'number')} as {s.quoted('amount')}, "
        f"{s.cast(s.text('new'), 'text')} as {s.quoted('order')}"
    )


def rows(s: Spelling) -> str:
    return f"{s.relation(STAGE)} as _ff_d"


def same(s: Spelling) -> str:
    return f"{CHANGED}.{s.quoted('id')} = _ff_d.{s.quoted('id')}"


def values(s: Spelling, *names: str) -> dict[str, str]:
    return {s.quoted(name): f"_ff_d.{s.quoted(name)}" for name in names}


def append(s: Spelling) -> str:
    names = list(values(s, "id", "amount", "order"))
    return s.insert(ORDERS, names, f"select {', '.join(f'_ff_d.{name}' for name in names)} from {rows(s)}")


def merge(s: Spelling) -> str:
    changed = s.differs(f"{CHANGED}.{s.quoted('amount')}", f"_ff_d.{s.quoted('amount')}")
    return s.merge(ORDERS, rows(s), same(s), values(s, "amount"), changed, values(s, "id", "amount", "order"))


def typed(kind: TypeWord, value: str) -> Spell:
    return lambda s: f"select {s.cast(s.text(value), kind)} as v"


def shapes() -> Iterator[Shape]:
    """All shapes."""
    yield Shape("create a schema", lambda s: s.create_schema(ORDERS))
    yield Shape("create a table", lambda s: s.create_as(ORDERS, "table", selected(s), replaces=False))
    yield Shape("create a stage", lambda s: s.create_as(STAGE, "table", selected(s), replaces=False))
    yield Shape("replace a table", lambda s: s.create_as(STAGE, "table", s.select_all(ORDERS)))
    yield Shape(
        "publish a table with its stamp", lambda s: s.create_as(STAGE, "table", s.select_all(ORDERS), stamp=HOSTILE)
    )
    yield Shape(
        "a table with partitions",
        lambda s: s.create_as(ORDERS, "table", s.select_all(STAGE), layout=PARTITIONED),
    )
    ranges = Layout(partition_by=(Partition("id", range=(0, 100, 10), type="int64"),))
    yield Shape("a table with ranges", lambda s: s.create_as(ORDERS, "table", s.select_all(STAGE), layout=ranges))
    yield Shape(
        "publish a table with a layout",
        lambda s: s.create_as(ORDERS, "table", s.select_all(STAGE), stamp=HOSTILE, layout=laid_out(s)),
    )
    yield Shape("create or replace a view", lambda s: s.create_as(VIEW, "view", s.select_all(ORDERS)))
    yield Shape("publish a view with its stamp", lambda s: s.create_as(VIEW, "view", "select 1 as a", stamp=HOSTILE))
    yield Shape(
        "create a materialized view",
        lambda s: s.create_as(STORED, "materialized_view", s.select_all(ORDERS), replaces=False),
    )
    yield Shape("create a temporary table", lambda s: s.create_temporary("_ff_delta", selected(s)))
    yield Shape("create a temporary view", lambda s: s.create_temporary("_ff_view", selected(s), "view"))
    yield Shape("an empty temporary table", lambda s: s.create_empty("_ff_empty", [ColumnType("n", s.types["text"])]))
    yield Shape("create a table of ours", lambda s: s.create_table(META, META_COLUMNS))
    row = {"node_name": HOSTILE, "number": 1, "built_at": TIME}
    yield Shape("insert a row of ours", lambda s: s.insert_row(META, row))
    yield Shape("update rows", lambda s: s.update(META, {"node_name": s.text("x")}, "number = 1"))
    yield Shape("delete rows", lambda s: s.delete(META, f"node_name = {s.text('y')}"))
    yield Shape("delete all rows", lambda s: s.delete(META, None))
    yield Shape("add a column", lambda s: s.add_column(ORDERS, ColumnType("group", s.types["text"])))
    yield Shape("change a type", lambda s: s.change_type(ORDERS, ColumnType("group", s.types["integer"])))
    yield Shape("drop a column", lambda s: s.drop_column(ORDERS, "group"))
    yield Shape("append", append)
    yield Shape("update from other rows", lambda s: s.update_from(ORDERS, values(s, "amount"), rows(s), same(s)))
    yield Shape("merge", merge)
    yield Shape("delete what is in other rows", lambda s: s.delete_known(ORDERS, rows(s), same(s)))
    yield Shape("comment on a table", lambda s: s.comment_on(ORDERS, "table", HOSTILE))
    yield Shape("comment on a view", lambda s: s.comment_on(VIEW, "view", HOSTILE))
    yield Shape("comment on a column", lambda s: s.comment_on_column(ORDERS, "order", HOSTILE))
    yield Shape("drop a materialized view", lambda s: s.drop(STORED, "materialized_view"))
    yield Shape("drop a view", lambda s: s.drop(VIEW, "view"))
    yield Shape("unqualified names", lambda s: s.use_schema(ORDERS) or s.refuse("schema of a session"))
    yield Shape(
        "names beside a table that begin so", lambda s: s.names_like(ORDERS, "_ff_stage_ord"), "_ff_stage_orders"
    )
    yield Shape("grant all users to read a table", lambda s: s.grant_reading(ORDERS))
    yield Shape("grants on a table", lambda s: s.grants_on(ORDERS))
    yield Shape("rename a table", lambda s: s.rename(STAGE, "gone"))
    yield Shape("drop a table", lambda s: s.drop(GONE, "table"))
    yield Shape("drop a schema", lambda s: s.drop_schema(Relation("any", "gone")))
    yield from expressions()


def helpers() -> Iterator[Shape]:
    """What the helpers of templates write: each over the text of a date, or over a number."""
    made = [(s, SqlHelpers(s)) for s in SPELLINGS.values()]
    of = {id(s): helper for s, helper in made}

    def h(s: Spelling) -> SqlHelpers:
        return of.get(id(s)) or SqlHelpers(s)

    day, next_year = "'2026-01-03'", datetime(2027, 1, 1)
    yield Shape("ff_safe_cast", lambda s: f"select {h(s).safe_cast('12', 'Number', default='0')} = 12 as v", True)
    yield Shape("ff_safe_cast of NULL", lambda s: f"select {h(s).safe_cast('null', 'numeric', '-1')} = -1 as v", True)
    yield Shape("ff_safe_cast to text", lambda s: f"select {h(s).safe_cast('12', 'string')} as v", "12")
    yield Shape("ff_date_trunc", lambda s: f"select {h(s).date_trunc(day, 'month')} = {s.literal(MONTH)} as v", True)
    yield Shape(
        "ff_date_add of quarters", lambda s: f"select {h(s).date_add(MONTH_TEXT, 'quarters', 4)} as v", next_year
    )
    cast = "cast('2026-01-04' as date)"
    yield Shape(
        "ff_date_add of what is cast", lambda s: f"select {h(s).date_add(cast, 'day', '-1')} = {day} as v", True
    )
    yield Shape(
        "ff_partition_filter", lambda s: f"select {h(s).partition_filter(day, '2026-01-01', day[1:-1])} as v", True
    )
    yield Shape("ff_partition_filter from", lambda s: f"select {h(s).partition_filter('2', 3)} as v", False)
    yield Shape("ff_partition_filter to", lambda s: f"select {h(s).partition_filter('2', end=3)} as v", True)
    yield Shape("ff_partition_filter of nothing", lambda s: f"select {h(s).partition_filter('2')} as v", True)
    yield Shape("ff_partition_in", lambda s: f"select {h(s).partition_in(s.text('DE'), ['DE', HOSTILE])} as v", True)
    yield Shape("ff_partition_in of nothing", lambda s: f"select {h(s).partition_in('1', [])} as v", False)
    yield Shape("sql_literal of a mapping", lambda s: f"select {h(s).literal({'b': [1], 'a': HOSTILE})} as v", JSON)


def expressions() -> Iterator[Shape]:
    """All expressions, each in a query."""
    yield Shape("a text", lambda s: f"select {s.text(HOSTILE)} as v", HOSTILE)
    yield Shape("a list of values", lambda s: f"select 1 in ({s.literals([1, 2])}) as v", True)
    names, given = ["a", "b"], [["1", "'x'"], ["2", "null"]]
    yield Shape("rows of values", lambda s: f"select max(_ff_v.a) as v from {s.given(names, given)}", 2)
    yield Shape("no value", lambda s: f"select {s.literal(None)} is null as v", True)
    yield Shape("a truth value", lambda s: f"select {s.literal(False)} as v", False)
    yield Shape("a number", lambda s: f"select {s.cast(s.literal(-1.5), 'number')} as v", -1.5)
    yield Shape("an infinite number", lambda s: f"select {s.literal(float('-inf'))} as v", float("-inf"))
    naive = TIME.replace(tzinfo=None)
    yield Shape("a time", lambda s: f"select {s.literal(TIME)} as v", naive)
    yield Shape("the server's clock", lambda s: f"select case when {s.now()} > {s.timestamp(TIME)} then 1 end as v", 1)
    yield Shape("a frozen point in time", lambda s: f"select {s.in_utc(s.clock(TIME, 'zoned'))} as v", naive)
    yield Shape("a frozen time", lambda s: f"select {s.clock(TIME, 'timestamp')} as v", naive)
    yield Shape("a frozen date", lambda s: f"select {s.clock(TIME, 'date')} as v", TIME.date())
    yield Shape("a frozen time of day", lambda s: f"select {s.clock(TIME, 'time')} as v", TIME.time())
    yield Shape("a frozen time of day in UTC", lambda s: f"select {s.clock(TIME, 'zoned time')} as v", TIME.timetz())
    yield Shape("what a call makes", lambda s: f"select 1 as {s.quoted(s.result_of_call('now'))}", 1)
    yield Shape("a point in time", lambda s: f"select {s.in_utc(s.zoned(TIME))} as v", naive)
    yield Shape("a point in time of a time", lambda s: f"select {s.in_utc(s.at_utc(s.literal(TIME)))} as v", naive)
    before = naive - timedelta(days=3)
    yield Shape("a time before another", lambda s: f"select {s.earlier(s.literal(TIME), '3 days')} as v", before)
    yield Shape("a cast to a type of the engine", lambda s: f"select {s.cast_to('7', s.types['integer'])} as v", 7)
    yield Shape("an interval", lambda s: f"select {s.literal(TIME)} - {s.interval('3 days')} as v", before)
    yield Shape("a time that can be infinite", lambda s: f"select {s.finite(s.literal(TIME))} as v", naive)
    yield Shape("not a number", lambda s: f"select {s.is_nan(s.literal(float('nan')))} as v", True)
    yield Shape("a text that matches", lambda s: f"select {s.matches(s.text('a.1'), PATTERN)} as v", True)
    yield Shape("the same, NULL or not", lambda s: f"select {s.differs('null', 'null')} as v", False)
    yield Shape("the greatest", lambda s: f"select {s.greatest(['1', s.cast('null', 'integer'), '2'])} as v", 2)
    one, next_one = ["1", "2", "3"], ["1", "2", "4"]
    yield Shape("one row before another", lambda s: f"select {s.is_before(one, next_one)} as v", True)
    yield Shape("not before an equal row", lambda s: f"select {s.is_before(one, one)} as v", False)
    yield Shape("a cast that may fail", lambda s: f"select {s.safe_cast(s.text('7'), 'numeric')} = 7 as v", True)
    yield Shape("a time cut to its month", lambda s: f"select {s.date_trunc(s.literal(TIME), 'month')} as v", MONTH)
    yield Shape("a week of days", lambda s: f"select {s.date_trunc(s.literal(TIME), 'week')} as v", WEEK)
    yield Shape("days added to a time", lambda s: f"select {s.date_add(s.literal(TIME), 'day', -3)} as v", before)
    yield from helpers()
    digest = hashlib.md5(b"a||b").hexdigest()
    yield Shape("an MD5", lambda s: f"select {s.hashed([s.text('a'), s.text('b')])} as v", digest)
    yield Shape("an MD5 of nothing", lambda s: f"select {s.hashed([])} as v", "d41d8cd98f00b204e9800998ecf8427e")
    yield Shape("our word text", typed("text", "a"), "a")
    yield Shape("our word integer", typed("integer", "9223372036854775807"), 2**63 - 1)
    yield Shape("our word small integer", typed("small integer", "7"), 7)
    yield Shape("our word number", typed("number", "1.5"), 1.5)
    yield Shape("our word boolean", typed("boolean", "true"), True)
    yield Shape("our word date", typed("date", "2026-01-03"), naive.date())
    yield Shape("our word timestamp", typed("timestamp", "2026-01-03 12:30:00.25"), naive)
