"""Which relations a query reads: the tokens against the tree, and the tree against the engines themselves."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sweeps import examples

from fft_core.engines.spec.known import known_functions
from fft_core.plan.canonical import tokens_of
from fft_core.plan.relations import only_tracked, parsed, untracked_tables

TRACKED = ("@users", "@raw.events")
TABLES = ("a", "b", "A", "c")  # what nobody gave; CTEs have these names as well
NAMES = ("a", "A", '"a"', '"A"', "b", '"B"', "c", "final", '"from"')


def reads_only_tracked(sql: str, dialect: str) -> bool:
    tree = parsed(sql, dialect)
    return tree is not None and not list(untracked_tables(tree, known_functions(dialect)))


class Queries:
    """Queries of many shapes, whose names are CTEs, tables or both; any of them may read what is not tracked."""

    def __init__(self, draw: st.DrawFn, dialect: str) -> None:
        self.draw, self.dialect, self.aliases = draw, dialect, 0

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def alias(self) -> str:
        self.aliases += 1
        return f"t{self.aliases}"

    def query(self, depth: int) -> str:
        select = f"{self.ctes(depth)}{self.select(depth)}"
        if depth and self.one_of("", "", "union"):
            joined = self.one_of("union all", "union", "except", "intersect")
            second = self.one_of("plain", "parentheses", "table" if self.dialect == "postgres" else "plain")
            other = "table a" if second == "table" else self.select(depth - 1)
            select = f"{select} {joined} {f'({other})' if second == 'parentheses' else other}"
        return select

    def ctes(self, depth: int) -> str:
        if not depth or self.one_of("none", "none", "some") == "none":
            return ""
        bodies = []
        for name in self.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
            columns = self.one_of("", "", "(x)", " (x)")
            materialized = self.one_of("", "", "materialized", "not materialized")
            body = (
                f"select 1 as x union all {self.select(0)}" if self.one_of("q", "r") == "r" else self.query(depth - 1)
            )
            bodies.append(f"{name}{columns} as {materialized} ({body})")
        return f"with {self.one_of('', '', 'recursive')} {', '.join(bodies)} "

    def select(self, depth: int) -> str:
        shape = self.one_of("select", "select", "select", "from first" if self.dialect == "duckdb" else "select")
        source = self.sources(depth)
        if shape == "from first":
            return f"from {source} select 1 as x"
        columns = "1 as x"
        if depth and self.one_of("", "", "nested"):
            columns = f"(select count(*) from {self.relation(depth - 1)}) as x"
        where = self.one_of("", "", *_CONDITIONS)
        if depth and self.one_of("plain", "nested") == "nested":
            where = f"where {self.one_of('exists', '1 in')} ({self.select(depth - 1)})"
        window = self.one_of("", "", "", f"window {self.one_of('a', 'w')} as (order by 1)")
        return f"select {columns} from {source} {where} {window}"

    def sources(self, depth: int) -> str:
        source = self.relation(depth)
        for _ in range(self.draw(st.integers(0, 2))):
            other = self.relation(depth - 1 if depth else 0)
            source += self.one_of(
                f" join {other} on true", f" cross join {other}", f", {other}", f" left join {other} on 1 = 1"
            )
        return source

    def relation(self, depth: int) -> str:
        alias = self.alias()
        simple = [*(f'"{name}"' for name in TRACKED), *NAMES]
        kinds = ["name", "name", "tracked", "range", "values"]
        kinds += ["subquery", "join", "lateral"] if depth else []
        match self.one_of(*kinds):
            case "name":
                return f"{self.one_of(*simple)} {self.one_of('as', '')} {alias}"
            case "tracked":
                return f"{self.one_of(*simple[:2])} {alias}{self.one_of('', '(x)', ' (y)')}"
            case "range":
                return f"generate_series(1, 2) as {alias}(x)"
            case "values":
                return f"(values (1)) as {alias}(x)"
            case "subquery":
                return f"({self.query(depth - 1)}) {alias}"
            case "lateral":
                return f"lateral ({self.select(depth - 1)}) {alias}"
            case _:
                inner = (
                    f"{self.relation(depth - 1)} {self.one_of('cross join', 'natural join')} {self.relation(depth - 1)}"
                )
                return f"({inner})"


_CONDITIONS = (
    "where 'from a' <> '' /* from b */",
    "where 1 is distinct from 2",
    "where extract(year from date '2020-01-01') > 1",
)


@st.composite
def queries(draw: st.DrawFn, dialect: str) -> str:
    return Queries(draw, dialect).query(3)


many = settings(max_examples=examples(30, 150), deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(queries("duckdb"))
def test_what_the_tokens_call_plain_the_tree_calls_tracked_on_duckdb(sql: str) -> None:
    holds_for_tokens(sql, "duckdb")


@many
@given(queries("postgres"))
def test_what_the_tokens_call_plain_the_tree_calls_tracked_on_postgres(sql: str) -> None:
    holds_for_tokens(sql, "postgres")


def holds_for_tokens(sql: str, dialect: str) -> None:
    is_plain = only_tracked(tokens_of(sql, dialect))
    event(f"plain to the tokens: {is_plain}")
    assert not is_plain or reads_only_tracked(sql, dialect)


class Bound:
    """Two databases of one engine: with all tables, and with the tracked ones alone. They bind queries and run none."""

    def __init__(self, everything: object, tracked: object, errors: type[Exception], missing: type[Exception]) -> None:
        self.everything, self.tracked, self.errors, self.missing = everything, tracked, errors, missing

    def is_valid(self, sql: str) -> bool:
        try:
            self.everything.execute(f"explain {sql}")  # type: ignore[attr-defined]
        except self.errors:
            return False
        return True

    def reads_only_tracked(self, sql: str) -> bool:
        try:
            self.tracked.execute(f"explain {sql}")  # type: ignore[attr-defined]
        except self.missing:
            return False
        return True


@pytest.fixture(scope="module")
def on_duckdb() -> Bound:
    everything, tracked = duckdb.connect(), duckdb.connect()
    for connection, names in ((everything, (*TRACKED, "a", "b", "c", "final", "from")), (tracked, TRACKED)):
        for name in names:
            connection.execute(f'create table "{name}" as select 1 as x')
    return Bound(everything, tracked, duckdb.Error, duckdb.CatalogException)


@pytest.fixture(scope="module")
def on_postgres(postgres_dsn: str) -> Iterator[Bound]:
    connections = []
    for names in ((*TRACKED, "a", "A", "b", "B", "c", "final", "from"), TRACKED):
        connection = psycopg.connect(postgres_dsn, autocommit=True)
        schema = f"relations_{len(names)}"
        connection.execute(f"create schema {schema}".encode())
        connection.execute(f"set search_path = {schema}".encode())
        for name in names:
            connection.execute(f'create table "{name}" as select 1 as x'.encode())
        connections.append(connection)
    yield Bound(connections[0], connections[1], psycopg.Error, psycopg.errors.UndefinedTable)
    for connection, count in zip(connections, (9, 2), strict=True):
        connection.execute(f"drop schema relations_{count} cascade".encode())
        connection.close()


@many
@given(sql=queries("duckdb"))
def test_what_the_tree_calls_tracked_duckdb_binds_without_other_tables(on_duckdb: Bound, sql: str) -> None:
    if on_duckdb.is_valid(sql):
        is_tracked = reads_only_tracked(sql, "duckdb")
        event(f"tracked: {is_tracked}")
        assert not is_tracked or on_duckdb.reads_only_tracked(sql)  # it does not bind a CTE that nobody reads


@many
@given(sql=queries("postgres"))
def test_the_tree_and_postgres_agree_on_what_is_read(on_postgres: Bound, sql: str) -> None:
    if on_postgres.is_valid(sql) and parsed(sql, "postgres") is not None:  # else it counts as volatile
        is_tracked = reads_only_tracked(sql, "postgres")
        event(f"tracked: {is_tracked}")
        assert is_tracked == on_postgres.reads_only_tracked(sql)
