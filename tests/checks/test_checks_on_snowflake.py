"""Each type of check on Snowflake's protocol: an emulator runs the SQL of each, with plain and with odd names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sweeps import only_in_sweeps
from targets import Target
from test_each_check import BEFORE, CASES, ELSEWHERE, NAMES, PLACE, fill, judge, made

from fft_core.checks.run import run_checks
from fft_core.engines.protocol import Session, open_session
from fft_core.errors import StatementError
from fft_core.project.model import Check, ColumnTypes, MatchesRegex, Unique

ABSENT = ("uuid",)  # types that Snowflake does not have; nor has it infinite times


@pytest.fixture(scope="module")
def engine(snowflake_server: Mapping[str, Any]) -> Iterator[Session]:
    target = Target(None, "snowflake_snowpark", snowflake_server)
    with target.settings() as settings:
        session = open_session(target.engine, settings)
        session.create_schema(session.relation("t"))
        yield session
        session.close()


@pytest.mark.parametrize(
    "names", [pytest.param(NAMES[0], id="plain", marks=only_in_sweeps), pytest.param(NAMES[1], id="quotes")]
)
def test_what_passes_and_what_fails(engine: Session, names: tuple[str, str]) -> None:
    for case, said in CASES.items():
        if said.kind in ABSENT or "infinity" in said.bad:
            continue
        rule = said.rule(*names)
        for rows, where, failing in (
            (said.good, "1 = 1", 0),
            (said.bad, "1 = 1", said.failing),
            (said.good, "1 = 0", said.empty),
            ("(null, null), (null, null), (null, null)", "1 = 1", said.nulls),
        ):
            fill(engine, rows, said.kind, names, where)
            result = judge(engine, rule, before=BEFORE)
            assert result.failing_rows == failing, f"{case}: {rows} {where}"
            assert len(engine.fetch(result.sql)) == failing, f"{case}: the query shows them"


def test_a_condition_chooses_the_rows(engine: Session) -> None:
    for case, said in CASES.items():
        if not case.startswith(ELSEWHERE) and said.kind not in ABSENT and "infinity" not in said.bad:
            bad = re.sub(r", (?:'\w'|null)\)", ", 'bad')", said.bad)
            fill(engine, f"{said.good}, {bad}", said.kind)
            assert judge(engine, said.rule("x", "g"), "coalesce(g, '') <> 'bad' -- no more").passed, case
            assert judge(engine, said.rule("x", "g"), "1 = 0").failing_rows == said.empty, case


@pytest.mark.parametrize(
    ("promised", "kind", "failing"),
    [
        ("integer", "bigint", 0),
        ("numeric(9, 2)", "number(9, 2)", 0),
        ("decimal(9, 3)", "number(9, 2)", 1),
        ("string", "varchar", 0),
        ("double", "double", 0),
        ("timestamp", "timestamp_ntz", 0),
        ("timestamptz", "timestamp_ntz", 1),
        ("timestamptz", "timestamp_tz", 0),
        ("boolean", "boolean", 0),
        ("date", "timestamp_ntz", 1),
    ],
)
def test_a_type_is_what_the_engine_takes_it_for(engine: Session, promised: str, kind: str, failing: int) -> None:
    fill(engine, "(null, 'a')", kind)
    result = judge(engine, ColumnTypes((("x", promised),)))
    assert result.failing_rows == failing, result.first_row


def test_patterns_find_what_they_find_elsewhere(engine: Session) -> None:
    made_of = {r"^[ab]+$": "ab", r"\.(?:\d+)$": "x.12", r"'\\": "it's a '\\", "b.c": "b\nc"}
    for pattern, text in made_of.items():
        for shown, failing in ((text, 0), ("none of them", 1)):
            spelled = engine.spelling.text(shown)
            relation = engine.relation("p")
            if relation in engine.inspect([relation]):
                engine.execute(engine.spelling.drop(relation, "table"))
            made(engine, relation, f"select {spelled} as x")
            check = Check("c", "p", "matches_regex", MatchesRegex("x", pattern), PLACE)
            columns = engine.columns(engine.spelling.select_all(relation))
            (result,) = run_checks(engine, relation, columns, [check], lambda _: engine.relation("p")).results
            assert result.failing_rows == failing, (pattern, shown)


def test_what_cannot_be_evaluated_is_named(engine: Session) -> None:
    fill(engine, "(1, 'a')", "integer")
    with pytest.raises(StatementError, match="check the_check of t cannot be evaluated"):
        judge(engine, Unique(("x",)), "nothing = 1")
