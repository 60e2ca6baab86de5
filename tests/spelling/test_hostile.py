"""Names, texts and values that try to be more than that: what is spelled is read back as what was meant.

DuckDB and Postgres read it themselves. For the others, sqlglot's tokenizer does, which knows the same rules of quotes
and backslashes: it is of another hand than our spelling, but it is not the service.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import duckdb
import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shapes import SPELLINGS
from sqlglot import TokenType
from sqlglot.dialects.dialect import Dialect

from fft_core.engines.protocol import ColumnType
from fft_core.engines.spec.registry import spec_of
from fft_core.engines.spec.spelling import Spelling
from fft_core.errors import EngineError
from fft_core.names import Relation

TEXTS = [
    "",
    "it's",
    "''",
    "'",
    "a\\",
    "a\\'",
    "x\\' or 1=1 --",
    "\\\\",
    "\\n",
    'say "hi"',
    "`tick`",
    "{brace} {{ jinja }} {0} %s %(a)s $1 $$x$$ :name ?",
    "a\nb\r\nc\td",
    "-- no comment",
    "/* none */",
    "; drop table orders;",
    "\u00fc\u00df\u4e2d\u6587\U0001f600",
    "\u2019\u201c",
    "e\u0301",
    "\u200b\ufeff",
    "nul\u0000",
]
NAMES = [
    "plain",
    "Mixed",
    "UPPER",
    "select",
    "order",
    "group",
    "table",
    "user",
    "a b",
    " lead",
    'dou"ble',
    "sin'gle",
    "back\\slash",
    "back`tick",
    "dot.ted",
    "{brace}",
    "{{ jinja }}",
    "per%s",
    "semi;colon",
    "dash--dash",
    "1st",
    "\u00fc\u00df",
    "\u4e2d\u6587",
    "\U0001f600",
    "_ff_t",
    "_ff_d",
    "_ff_all_rows",
    "new\nline",
    "n" * 63,
]
CLOUDS = ("bigquery", "snowflake", "databricks")
some_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u0000"), max_size=12)
nasty_text = st.text(st.sampled_from("'\\\"`n{}%;-/*$ \n\tx\u00fc"), max_size=12)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def cursor(postgres_dsn: str) -> Iterator[psycopg.Cursor[tuple[object, ...]]]:
    """In a transaction that is rolled back."""
    with psycopg.connect(postgres_dsn) as connection:
        with connection.cursor() as cursor:
            yield cursor
        connection.rollback()


@pytest.mark.parametrize("text", TEXTS)
def test_duckdb_reads_a_text_back(text: str) -> None:
    assert duckdb.execute(f"select {SPELLINGS['duckdb'].text(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("text", [text for text in TEXTS if "\0" not in text])
def test_postgres_reads_a_text_back(text: str, cursor: psycopg.Cursor[tuple[object, ...]]) -> None:
    cursor.execute(f"select {SPELLINGS['postgres'].text(text)}".encode())
    assert cursor.fetchall() == [(text,)]


@settings(max_examples=300, deadline=None)
@example("\\")
@given(some_text | nasty_text)
def test_duckdb_reads_any_text_back(text: str) -> None:
    assert duckdb.execute(f"select {SPELLINGS['duckdb'].text(text)}").fetchall() == [(text,)]


def test_postgres_reads_any_texts_back(postgres_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection, connection.cursor() as cursor:

        @settings(max_examples=150, deadline=None)
        @given(st.lists(some_text | nasty_text, min_size=1, max_size=10))
        def check(texts: list[str]) -> None:
            cursor.execute(f"select {SPELLINGS['postgres'].literals(texts)}".encode())
            assert cursor.fetchone() == tuple(texts)

        check()


@pytest.mark.parametrize("dialect", CLOUDS)
def test_the_tokenizer_of_a_dialect_reads_texts_back(dialect: str) -> None:
    @settings(max_examples=400, deadline=None)
    @given(some_text | nasty_text | st.sampled_from([text for text in TEXTS if "\0" not in text]))
    def check(text: str) -> None:
        tokens = Dialect.get_or_raise(dialect).tokenize(SPELLINGS[dialect].text(text))
        assert [(token.token_type, token.text) for token in tokens] == [(TokenType.STRING, text)]

    check()


# of BigQuery's names, sqlglot's tokenizer doubles a backtick, and GoogleSQL escapes it
@pytest.mark.parametrize(
    ("dialect", "name"),
    [(d, n) for d in CLOUDS for n in NAMES if not (d == "bigquery" and ("`" in n or "\\" in n))],
)
def test_the_tokenizer_of_a_dialect_reads_names_back(dialect: str, name: str) -> None:
    tokens = Dialect.get_or_raise(dialect).tokenize(SPELLINGS[dialect].quoted(name))
    expected = name.upper() if dialect == "snowflake" and re.fullmatch("[a-z_][a-z0-9_]*", name) else name
    assert [(token.token_type, token.text) for token in tokens] == [(TokenType.IDENTIFIER, expected)]


def test_bigquery_escapes_what_would_end_a_name() -> None:
    assert SPELLINGS["bigquery"].quoted("a`b\\c") == "`a\\`b\\\\c`"


@pytest.mark.parametrize("dialect", SPELLINGS)
def test_a_nul_is_refused_if_a_server_would_not_read_on(dialect: str) -> None:
    spelling = SPELLINGS[dialect]
    if spelling.takes_nul:
        nul = "a\0b"
        assert duckdb.execute(f"select {spelling.text(nul)} as {spelling.quoted(nul)}").fetchall() == [(nul,)]
        return
    for spell in (spelling.text, spelling.quoted):
        with pytest.raises(EngineError, match=f"has a NUL character, which {dialect} cannot store"):
            spell("a\0b")


def statements(s: Spelling, name: str) -> Iterator[str]:
    """All that is done with names, for a table and a column of one name."""
    table, q = Relation(name, "hostile"), s.quoted(name)
    yield s.create_schema(table)
    yield s.create_as(table, "table", f"select 1 as {q}", replaces=False)
    yield s.add_column(table, ColumnType("other", s.types["text"]))
    yield s.change_type(table, ColumnType(name, s.types["integer"]))
    yield s.comment_on(table, "table", name)
    yield s.comment_on_column(table, name, name)
    yield s.insert(table, [q], f"select 2 as {q}")
    yield s.update(table, {q: "3"}, f"_ff_t.{q} = 2")
    yield s.delete(table, f"{q} = 1")
    yield s.drop_column(table, "other")


@pytest.mark.parametrize("name", [*NAMES, "n" * 200])
def test_duckdb_takes_any_name(name: str) -> None:
    spelling = SPELLINGS["duckdb"]
    with duckdb.connect() as connection:
        for statement in statements(spelling, name):
            connection.execute(statement)
        found = connection.execute(spelling.select_all(Relation(name, "hostile")))
        assert ([column[0] for column in found.description or ()], found.fetchall()) == ([name], [(3,)])
        comments = (
            "select comment from duckdb_tables() union all select comment from duckdb_columns() where not internal"
        )
        assert connection.execute(comments).fetchall() == [(name,)] * 2


@pytest.mark.parametrize("name", NAMES)
def test_postgres_takes_any_name_of_63_bytes(name: str, cursor: psycopg.Cursor[tuple[object, ...]]) -> None:
    spelling = SPELLINGS["postgres"]
    for statement in statements(spelling, name):
        cursor.execute(statement.encode())
    cursor.execute(spelling.select_all(Relation(name, "hostile")).encode())
    assert ([column.name for column in cursor.description or ()], cursor.fetchall()) == ([name], [(3,)])
    table = spelling.text(spelling.relation(Relation(name, "hostile")))
    cursor.execute(f"select obj_description({table}::regclass), col_description({table}::regclass, 1)".encode())
    assert cursor.fetchall() == [(name, name)]


def test_postgres_refuses_a_longer_name(postgres_dsn: str) -> None:
    engine = spec_of("postgres").connect({"dsn": postgres_dsn})
    try:
        for name in ("n" * 64, "\u00fc" * 32):
            with pytest.raises(EngineError, match="is longer than 63 bytes, and Postgres would cut it"):
                engine.relation(name)
        assert engine.relation("\u00fc" * 31).name == "\u00fc" * 31
    finally:
        engine.close()


NUMBERS = [0, -1, 2**62, 1.5, -0.0, 1e300, 5e-324, float("inf"), float("-inf")]
VALUES = [None, True, False, *NUMBERS, datetime(2026, 1, 3, 4, 5, 6, 7, UTC)]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_values_are_read_back(
    value: object, connection: duckdb.DuckDBPyConnection, cursor: psycopg.Cursor[tuple[object, ...]]
) -> None:
    expected = value.replace(tzinfo=None) if isinstance(value, datetime) else value
    cursor.execute(f"select {SPELLINGS['postgres'].literal(value)}".encode())
    ((of_postgres,),) = cursor.fetchall()
    ((of_duckdb,),) = connection.execute(f"select {SPELLINGS['duckdb'].literal(value)}").fetchall()
    for found in (of_postgres, of_duckdb):
        assert (float(found) if isinstance(value, float) else found) == expected  # type: ignore[arg-type]


def test_not_a_number_is_found(
    connection: duckdb.DuckDBPyConnection, cursor: psycopg.Cursor[tuple[object, ...]]
) -> None:
    for dialect, run in (("duckdb", connection.execute), ("postgres", cursor.execute)):
        spelling = SPELLINGS[dialect]
        nan = spelling.literal(math.nan)
        run(f"select {spelling.is_nan(nan)}, {spelling.is_nan('1.5')}")
    assert connection.fetchall() == cursor.fetchall() == [(True, False)]


def test_rows_are_compared_as_the_database_compares_them(connection: duckdb.DuckDBPyConnection) -> None:
    spelling = SPELLINGS["duckdb"]

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4))
    def check(pairs: list[tuple[int, int]]) -> None:
        one, other = [str(a) for a, _ in pairs], [str(b) for _, b in pairs]
        native = f"row({', '.join(one)}) < row({', '.join(other)})"
        ((expected, found),) = connection.execute(f"select {native}, {spelling.is_before(one, other)}").fetchall()
        assert found == expected

    check()
