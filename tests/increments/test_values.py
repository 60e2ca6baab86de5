"""Every change that can be seen is seen by merges and snapshots, whatever a type's equality says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path

import pytest
from targets import Target
from workbench import Bench

from fft_core import CheckFailedError
from fft_core.errors import IncrementError, StatementError

# Values of each type that all look different; many are equal to its `=`, or have none.
BOTH = {
    "double precision": ["0", "'-0'", "1.5", "'NaN'", "'Infinity'", "null"],
    "real": ["0", "'-0'", "1.5", "'NaN'", "null"],
    "text": ["''", "'a'", "'A'", "'a '", "'1.0'", "'1.00'", "null"],
    "interval": ["'1 day'", "'24 hours'", "'1 month'", "'30 days'", "null"],
    "timestamp": ["'2024-01-01'", "'2024-01-01 00:00:00.000001'", "null"],
    "boolean": ["true", "false", "null"],
    "bigint": ["0", "-1", "null"],
    "json": ["'{\"a\":1}'", "'{\"a\": 1}'", "'null'", "null"],
    "bit varying": ["'1'", "'01'", "null"],
}
VALUES = {
    "postgres": {
        **BOTH,
        "numeric": ["1", "1.0", "1.00", "'NaN'", "null"],
        "numeric(10,2)": ["1", "1.01", "null"],
        "character(4)": ["'a'", "'A'", "''", "null"],
        "bpchar": ["'a'", "'a '", "''", "null"],
        "jsonb": ["'1'", "'1.0'", "'1.00'", "'null'", "null"],
        "json[]": ["'{}'", "'{1}'", "'{1.0}'", "'{NULL}'", "null"],
        "point": ["'(0,0)'", "'(-0,0)'", "'(0,1)'", "null"],
        "box": ["'(1,1),(0,0)'", "'(2,2),(1,1)'", "null"],
        "circle": ["'<(0,0),1>'", "'<(5,5),1>'", "null"],
        "polygon": ["'((0,0),(1,1))'", "'((1,1),(0,0))'", "null"],
        "path": ["'((0,0),(1,1))'", "'((5,5),(1,1))'", "null"],
        "lseg": ["'((0,0),(1,1))'", "'((1,1),(0,0))'", "null"],
        "line": ["'{1,1,0}'", "'{2,2,0}'", "null"],
        "txid_snapshot": ["'10:20:'", "'10:20:12'", "null"],
        "pg_snapshot": ["'10:20:'", "'10:20:12'", "null"],
        "int[]": ["'{1,2}'", "'[0:1]={1,2}'", "'{}'", "'{NULL}'", "null"],
        "float8[]": ["'{0}'", "'{-0}'", "null"],
        "numrange": ["'[1,2]'", "'[1.0,2]'", "'empty'", "null"],
        "inet": ["'10.0.0.1'", "'10.0.0.1/24'", "null"],
        "time with time zone": ["'12:00+01'", "'11:00+00'", "null"],
        "folded": ["'a'", "'A'", "'b'", "null"],
        "holder": ["'(1,)'", "'(1.0,)'", "'(,)'", "null"],
        "document": ["'1'", "'1.0'", "null"],
        "mood": ["'good'", "'bad'", "null"],
        "uuid": ["'00000000-0000-0000-0000-000000000000'", "null"],
        "bytea": ["''", "'\\x00'", "null"],
        "tsvector": ["'a'", "'a:1'", "''", "null"],
        "money": ["'1'", "'1.01'", "null"],
        "xid": ["'1'", "'2'", "null"],
    },
    "duckdb": {
        **BOTH,
        "varchar collate nocase": ["'a'", "'A'", "'b'", "null"],
        "decimal(10,2)": ["1", "1.01", "null"],
        "double[]": ["[0.0]", "['-0'::double]", "[]", "[null]", "null"],
        "struct(a double)": ["{'a': 0.0}", "{'a': '-0'::double}", "{'a': null}", "null"],
        "map(varchar, interval)": ["map {'a': '1 month'}", "map {'a': '30 days'}", "map {}", "null"],
        "enum('good', 'bad')": ["'good'", "'bad'", "null"],
        "hugeint": ["0", "170141183460469231731687303715884105727", "null"],
        "timetz": ["'12:00:00+01'", "'11:00:00+00'", "null"],
        "blob": ["''", "'\\x00'", "null"],
        "uuid": ["'00000000-0000-0000-0000-000000000000'", "null"],
    },
}
TYPES = """
drop domain if exists document; create domain document as json;
drop type if exists holder; create type holder as (j numeric, k json);
drop type if exists mood; create type mood as enum ('good', 'bad');"""
FOLDED = """
create collation folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create domain folded as text collate folding;"""
# DuckDB writes nothing where the new value is equal to the old one; inside of a STRUCT we do not work around it.
UNSEEN = {("duckdb", "merge"): ["struct(a double)"]}
MODELS = {
    "merge": "materialized='incremental', unique_key='id'",
    "snapshot": "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}",
}


def value(engine: str, kind: str, text: str) -> str:
    if "collate" in kind:
        return f"cast({text} as varchar) collate nocase"
    return f"cast({text} as {kind})"


@pytest.fixture(params=["duckdb", "postgres"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    target = Target(request.getfixturevalue("postgres_dsn") if request.param == "postgres" else None)
    with target.profile() as profile:
        found = Bench(tmp_path, profile)
        if target.dsn:
            for statement in TYPES.strip().split(";")[:-1]:
                found.warehouse.engine.execute(statement)
            try:
                for statement in FOLDED.strip().split(";")[:-1]:
                    found.warehouse.engine.execute(statement)
            except StatementError:  # a server without ICU has no such collations
                found.warehouse.engine.execute("create domain folded as text")
        yield found
        found.warehouse.close()


def rows_of(engine: str, kind: str, texts: Sequence[str]) -> str:
    return " union all ".join(f"select {i} as id, {value(engine, kind, text)} as v" for i, text in enumerate(texts))


def shown(made: Bench, query: str) -> list[tuple[object, ...]]:
    """Rows as texts that tell all values apart."""
    text = "row(v)::text" if made.warehouse.engine.name == "postgres" else "v::varchar"
    return made.rows(f"select id, {text} from ({query}) as q")


@pytest.mark.parametrize("strategy", MODELS)
def test_each_change_of_each_type_is_seen(made: Bench, strategy: str) -> None:
    engine, missed = made.warehouse.engine.name, []
    is_snapshot = strategy == "snapshot"
    for kind, texts in VALUES[engine].items():
        pairs = list(permutations(texts, 2))
        before, after = (rows_of(engine, kind, column) for column in zip(*pairs, strict=True))
        made.model(MODELS[strategy], before)
        made.build(full_refresh=["m"])
        made.model(MODELS[strategy], after)
        made.build()
        where = " where _ff_is_current" if is_snapshot else ""
        if shown(made, f"select id, v from m{where}") != shown(made, after):
            missed.append(kind)
        made.build(cache="wo")
        rows = made.rows("select count(*) from m")
        if rows != [(len(pairs) * (1 + is_snapshot),)]:
            missed.append(f"{kind}, though nothing changed: {rows}")
    assert missed == UNSEEN.get((engine, strategy), [])


KEYS = {
    "postgres": {
        "json": ["'1'", "'2'"],
        "point": ["'(0,0)'", "'(0,1)'"],
        "json[]": ["'{1}'", "'{2}'"],
        "holder": ["'(1,1)'", "'(1,2)'"],
        "document": ["'1'", "'2'"],
        "box": ["'(1,1),(0,0)'", "'(2,2),(1,1)'"],
        "xid": ["'1'", "'2'"],
        "text": ["'a'", "'b'"],
        "numeric": ["1", "2"],
        "mood": ["'good'", "'bad'"],
    },
    "duckdb": {"json": ["'1'", "'2'"], "struct(a double)": ["{'a': 1}", "{'a': 2}"], "double[]": ["[1]", "[2]"]},
}
STRATEGIES = {
    **MODELS,
    "delete_insert": "materialized='incremental', unique_key='id', strategy='delete_insert'",
    "insert_overwrite": "materialized='incremental', strategy='insert_overwrite', partition_by='id'",
    "keeps one": MODELS["snapshot"].replace("'all'", "'all', 'hard_deletes': 'invalidate', 'keep_last': 1"),
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_type_can_be_a_key(made: Bench, strategy: str) -> None:
    engine = made.warehouse.engine.name
    for kind, (one, two) in KEYS[engine].items():
        first, second = value(engine, kind, one), value(engine, kind, two)
        made.model(STRATEGIES[strategy], f"select {first} as id, 1 as n union all select {second}, 2")
        made.build(full_refresh=["m"])
        made.model(STRATEGIES[strategy], f"select {first} as id, 7 as n union all select {second}, 2")
        made.build()
        where = " where _ff_is_current" if "snapshot" in STRATEGIES[strategy] else ""
        assert made.rows(f"select n from m{where}") == [(2,), (7,)], kind
        if "unique_key" in STRATEGIES[strategy]:
            made.model(STRATEGIES[strategy], f"select {first} as id, 7 as n union all select {first}, 2")
            with pytest.raises(IncrementError, match="occur more than once: 1, such as id = "):
                made.build()


EQUAL_KEYS = {
    "postgres": {
        "numeric": ("1.0", "1.00"),
        "float8": ("0", "'-0'"),
        "interval": ("'1 day'", "'24 hours'"),
    },
    "duckdb": {"varchar collate nocase": ("'a'", "'A'")},
}


@pytest.mark.parametrize("strategy", MODELS)
def test_an_equal_key_that_looks_different_is_the_same_key_and_a_change(made: Bench, strategy: str) -> None:
    engine = made.warehouse.engine.name
    for kind, (old, new) in EQUAL_KEYS[engine].items():
        made.model(MODELS[strategy], f"select {value(engine, kind, old)} as id, 1 as n")
        made.build(full_refresh=["m"])
        query = f"select {value(engine, kind, new)} as id, 1 as n"
        made.model(MODELS[strategy], query)
        made.build()
        where = " where _ff_is_current" if strategy == "snapshot" else ""
        found = shown(made, f"select 1 as id, id as v from m{where}")
        assert found == shown(made, f"select 1 as id, id as v from ({query}) as q"), kind


CHECKS = {
    "{type: unique, table: m, column: v}": "occurs more than once",
    "{type: unique, table: m, column: [v, n]}": "occurs more than once",
    "{type: accepted_values, table: m, column: v, values: ['1']}": "1 of 3 rows fail",
    "{type: relationships, table: m, column: v, to: p, field: v}": "1 of 3 rows fail",
    "{type: not_null, table: m, column: v}": "",
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", ["json", "document"])
def test_checks_judge_values_without_equality(made: Bench, kind: str, check: str) -> None:
    if kind not in VALUES[made.warehouse.engine.name] and kind not in BOTH:
        kind = "json"
    made.write({"project.yml": f"name: bench\nversion: '1'\ntests: [{check}]\n"})
    made.model("materialized='table'", f"select cast('1' as {kind}) as v", name="p")
    rows = " union all ".join(f"select cast('{text}' as {kind}) as v, 1 as n" for text in ("1", "1", "2"))
    made.model("materialized='table'", rows)
    if not CHECKS[check]:
        assert made.build()["m"].checks[0].passed
        return
    with pytest.raises(CheckFailedError, match=CHECKS[check]):
        made.build()


CASTS = [
    (
        "1 as v",
        "'abc' as v",
        "its column 'v' is (text|VARCHAR), and (integer|INTEGER) in .*values would change",
    ),
    ("cast(1 as decimal(4, 2)) as v", "cast(12345 as decimal(9, 2)) as v", "values would change"),
    ("1 as v", "1.5 as v", "1 values would change"),
    ("date '2024-01-01' as v", "timestamp '2024-01-02 08:00' as v", "1 values would change"),
    ("cast(1 as smallint) as v", "100000 as v", "values would change"),
    ("true as v", "'perhaps' as v", "values would change"),
    ("interval '1 day' as v", "'x' as v", "values would change"),
]


@pytest.mark.parametrize("strategy", MODELS)
@pytest.mark.parametrize(("before", "after", "message"), CASTS)
def test_values_that_do_not_fit_are_an_error_that_says_what_to_do(
    made: Bench, strategy: str, before: str, after: str, message: str
) -> None:
    config = MODELS[strategy]
    made.model(config, f"select 1 as id, {before}")
    made.build()
    made.model(config, f"select 1 as id, {after}")
    with pytest.raises(IncrementError, match=message) as caught:
        made.build()
    assert ("sync_all_columns" in str(caught.value)) is (strategy == "merge")
    assert "m.ff.sql:1" in str(caught.value)


@pytest.mark.parametrize("strategy", MODELS)
def test_a_new_value_of_an_enum_is_an_error_that_says_what_to_do(made: Bench, strategy: str) -> None:
    kind = "mood" if made.warehouse.engine.name == "postgres" else "enum('good', 'bad')"
    made.model(MODELS[strategy], f"select 1 as id, cast('good' as {kind}) as v")
    made.build()
    made.model(MODELS[strategy], "select 1 as id, 'ugly' as v")
    with pytest.raises(IncrementError, match=r"values would change"):
        made.build()


def test_values_that_fit_are_cast(made: Bench) -> None:
    made.model(MODELS["merge"], "select 1 as id, 1 as v, '{}'::json as j, 1.50::decimal(9, 2) as d")
    made.build()
    made.model(MODELS["merge"], "select 1 as id, '2' as v, '[]' as j, 2.5::decimal(9, 3) as d")
    made.build()
    assert [(row[1], str(row[3])) for row in made.rows()] == [(2, "2.50")]
