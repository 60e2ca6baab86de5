"""The cases of `test_each_check.py` for engines without `values`: DuckDB makes the rows, and Arrow carries them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import pytest
import test_each_check
from targets import Target
from test_each_check import BEFORE, CASES, ELSEWHERE, PLACE, judge

from fft_core.checks.run import run_checks
from fft_core.engines.duckdb.spelling import SPELLING
from fft_core.engines.protocol import Session, open_session
from fft_core.errors import StatementError
from fft_core.names import Relation
from fft_core.project.model import Check, ColumnTypes, MatchesRegex, Unique


@contextmanager
def session_on(engine: str, settings: Mapping[str, Any]) -> Iterator[Session]:
    target = Target(None, engine, settings)
    with target.settings() as own:
        session = open_session(engine, own)
        session.create_schema(session.relation("t"))
        load(session, session.relation("other"), "select unnest([1, 2]) as id")
        yield session
        session.close()


def load(engine: Session, relation: Relation, query: str) -> None:
    """Replace a table by the rows of a query of DuckDB."""
    with duckdb.connect() as source:
        source.execute("set TimeZone = 'UTC'")
        frame = source.sql(query).to_arrow_table()
    if relation in engine.inspect([relation]):
        engine.execute(engine.spelling.drop(relation, "table"))
    with engine.frames.query(frame) as sql:
        engine.execute(engine.spelling.create_as(relation, "table", sql, replaces=False))


def fill(engine: Session, rows: str, kind: str, where: str = "1 = 1") -> None:
    values = f"(values {rows}) as v(x, g) where {where}"
    load(engine, engine.relation("t"), f"select cast(x as {kind}) as x, cast(g as varchar) as g from {values}")


def check_all(
    engine: Session, monkeypatch: pytest.MonkeyPatch, absent: tuple[str, ...], types: Mapping[tuple[str, str], int]
) -> None:
    each_case_passes_and_fails(engine, monkeypatch, absent)
    types_are_what_the_engine_takes_them_for(engine, types)
    patterns_find_what_they_find_elsewhere(engine)
    what_cannot_be_evaluated_is_named(engine)


def each_case_passes_and_fails(engine: Session, monkeypatch: pytest.MonkeyPatch, absent: tuple[str, ...]) -> None:
    """The texts in `absent` are types and values that the engine does not have."""
    monkeypatch.setattr(test_each_check, "quoted", lambda name: name)
    for case, said in CASES.items():
        if any(text in said.bad + said.kind for text in absent):
            continue
        rule = said.rule("x", "g")
        for rows, where, failing in (
            (said.good, "1 = 1", 0),
            (said.bad, "1 = 1", said.failing),
            (said.good, "1 = 0", said.empty),
            ("(null, null), (null, null), (null, null)", "1 = 1", said.nulls),
        ):
            fill(engine, rows, said.kind, where)
            result = judge(engine, rule, before=BEFORE)
            assert result.failing_rows == failing, f"{case}: {rows} {where}"
            assert len(engine.fetch(result.sql)) == failing, f"{case}: the query shows them"
        if not case.startswith(ELSEWHERE):
            bad = re.sub(r", (?:'\w'|null)\)", ", 'bad')", said.bad)
            fill(engine, f"{said.good}, {bad}", said.kind)
            assert judge(engine, rule, "coalesce(g, '') <> 'bad' -- no more").passed, case
            assert judge(engine, rule, "1 = 0").failing_rows == said.empty, case


def patterns_find_what_they_find_elsewhere(engine: Session) -> None:
    made_of = {r"^[ab]+$": "ab", r"\.(?:\d+)$": "x.12", r"'\\": "it's a '\\", "b.c": "b\nc"}
    for pattern, text in made_of.items():
        load(engine, engine.relation("p"), f"select unnest([{SPELLING.text(text)}, 'none of them']) as x")
        check = Check("c", "p", "matches_regex", MatchesRegex("x", pattern), PLACE)
        columns = engine.columns(engine.spelling.select_all(engine.relation("p")))
        (result,) = run_checks(engine, engine.relation("p"), columns, [check], lambda _: engine.relation("p")).results
        assert result.failing_rows == 1, pattern
        assert "none of them" in str(result.sample), pattern


def types_are_what_the_engine_takes_them_for(engine: Session, types: Mapping[tuple[str, str], int]) -> None:
    """Each promised type and stored type of DuckDB, with the number of columns that are not as promised."""
    for (promised, kind), failing in types.items():
        fill(engine, "(null, 'a')", kind)
        result = judge(engine, ColumnTypes((("x", promised),)))
        assert result.failing_rows == failing, (promised, kind, result.first_row)


def what_cannot_be_evaluated_is_named(engine: Session) -> None:
    fill(engine, "(1, 'a')", "integer")
    with pytest.raises(StatementError, match="check the_check of t cannot be evaluated"):
        judge(engine, Unique(("x",)), "nothing = 1")
