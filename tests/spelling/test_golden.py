"""What each dialect writes, word for word: `FFT_WRITE_GOLDEN=1 pytest tests/spelling` writes the files anew.

Those of DuckDB and Postgres are executed, from top to bottom. For the others there is no server here. GoogleSQL's own
parser reads BigQuery's in `test_grammar_of_bigquery.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlglot
from shapes import EXECUTED, SPELLINGS, Shape, shapes
from strategy_shapes import strategy_shapes

from fft_core.engines.spec.spelling import Spelling, begin_of_query

GOLDEN = Path(__file__).parent / "golden"
SHAPES = [*shapes(), *strategy_shapes()]


def written(spelling: Spelling) -> Iterator[str]:
    for shape in SHAPES:
        text = shape.spelled(spelling)
        yield f"-- {shape.name}" + (f"\n{text};" if text is not None else ": not spelled") + "\n"


@pytest.mark.parametrize("dialect", SPELLINGS)
def test_what_is_spelled_is_what_was_written_down(dialect: str) -> None:
    made, path = "\n".join(written(SPELLINGS[dialect])), GOLDEN / f"{dialect}.sql"
    if os.environ.get("FFT_WRITE_GOLDEN"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made


def test_every_spelling_has_its_file() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(SPELLINGS)


def test_every_method_has_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    methods = {name for name in dir(Spelling) if not name.startswith("_") and callable(getattr(Spelling, name))}
    called = set[str]()

    class Counted(Spelling):
        dialect = "counted"

        def __getattribute__(self, name: str) -> object:
            called.add(name)
            return super().__getattribute__(name)

    for shape in SHAPES:
        shape.spelled(Counted())
    assert methods - called == set()


@pytest.mark.parametrize("dialect", SPELLINGS)
def test_the_query_of_a_statement_is_found(dialect: str) -> None:
    """Errors are told at their line of the query, which is what the user wrote."""
    texts = [text for shape in SHAPES if (text := shape.spelled(SPELLINGS[dialect])) is not None]
    queries = [text[begin_of_query(text) :] for text in texts if " as\n" in text]
    assert queries
    assert all(query.startswith("select ") for query in queries)


def executed(shape: Shape, text: str, rows: list[tuple[object, ...]]) -> None:
    if shape.is_query:
        assert rows == [(shape.expected,)], text
        assert not isinstance(shape.expected, datetime) or rows[0][0].tzinfo is None  # type: ignore[attr-defined]


def test_duckdb_executes_its_statements() -> None:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Tokyo'")
        for shape in SHAPES:
            text = shape.spelled(SPELLINGS["duckdb"])
            if text is not None:
                connection.execute(text)
                executed(shape, text, connection.fetchall() if shape.is_query else [])


def test_postgres_executes_its_statements(postgres_dsn: str) -> None:
    """In a transaction that is rolled back: the server is shared."""
    with psycopg.connect(postgres_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("set local time zone 'Asia/Tokyo'")
        for shape in SHAPES:
            text = shape.spelled(SPELLINGS["postgres"])
            if text is not None:
                cursor.execute(text.encode())
                executed(shape, text, cursor.fetchall() if shape.is_query else [])
        connection.rollback()


def test_what_is_executed_is_not_refused() -> None:
    """The few shapes that an engine of ours has no words for, each with the flag that is asked before."""
    refused = {d: [s.name for s in SHAPES if s.spelled(SPELLINGS[d]) is None] for d in EXECUTED}
    layouts = ["a table with partitions", "a table with ranges", "publish a table with a layout"]
    stamps = ["publish a table with its stamp", *layouts, "publish a view with its stamp"]
    stored = ["create a materialized view", "drop a materialized view"]
    grants = ["grant all users to read a table", "grants on a table"]
    on_postgres = ["replace a table", *stamps, "unqualified names"]
    assert refused == {"duckdb": [*stamps, *stored, *grants], "postgres": on_postgres}


NOT_READ = (("bigquery", "comment on a column"), ("databricks", "names beside a table that begin so"))  # by sqlglot


@pytest.mark.parametrize("dialect", SPELLINGS)
def test_another_reader_of_the_dialect_takes_it_for_a_statement(dialect: str) -> None:
    """sqlglot, which spells many of these wrong itself, but reads them."""
    for shape in SHAPES:
        text = shape.spelled(SPELLINGS[dialect])
        if text is not None and (dialect, shape.name) not in NOT_READ:
            assert not isinstance(sqlglot.parse_one(text, dialect=dialect), sqlglot.exp.Command), text
