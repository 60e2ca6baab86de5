"""Functions, macros, types and operators that users made: what they say counts, or the model is volatile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from skip_helpers import Place, place
from targets import Target


class World:
    """A project in a database of its own, on one engine."""

    def __init__(self, place: Place, target: Target) -> None:
        self.place, self.engine = place, target.engine

    def define(self, duckdb: str, postgres: str) -> None:
        self.place.sql(duckdb if self.engine == "duckdb" else postgres)


@pytest.fixture
def world(tmp_path: Path, target: Target) -> Iterator[World]:
    with target.profile(str(tmp_path / "db.duckdb")) as profile:
        made = place(tmp_path, {"profiles.yml": profile, "models/base.ff.sql": "select 1 as id, 'A' as name"})
        schema_of(made)
        yield World(made, target)


def scalar(name: str, body: str) -> tuple[str, str]:
    """A function of one parameter `x`, as each engine makes it again."""
    function = f"create or replace function {name}(x int) returns int language sql as $$ select {body} $$"
    return f"create or replace macro {name}(x) as {body}", function


READS_BASE = "select {} as v from {{{{ ref('base') }}}}"


def test_a_function_that_nobody_made_is_volatile_and_says_so(world: World) -> None:
    world.place.write({"models/reader.ff.sql": READS_BASE.format("nobody_made_this(id)")})
    said = "it uses nobody_made_this(), which FFT does not know to be deterministic"
    assert said in world.place.why("reader")


def test_a_function_that_is_edited_rebuilds_what_uses_it_and_nothing_else(world: World) -> None:
    world.define(*scalar("plus", "x + 1"))
    world.place.write({"models/reader.ff.sql": READS_BASE.format("plus(id)")})
    assert not world.place.build().failed
    assert world.place.due() == {}
    world.define(*scalar("plus", "x + 2"))
    assert world.place.due() == {"reader": ["definition_changed"]}
    what = "macro" if world.engine == "duckdb" else "function"
    assert world.place.why("reader") == f"the {what} plus() changed"
    assert world.place.build().built == {"reader"}
    assert world.place.sql("select v from " + where(world, "reader")) == [(3,)]
    assert world.place.due() == {}


def test_a_function_counts_through_the_functions_that_it_calls(world: World) -> None:
    world.define(*scalar("inner_one", "x + 1"))
    world.define(*scalar("outer_one", "inner_one(x) * 2"))
    world.place.write({"models/reader.ff.sql": READS_BASE.format("outer_one(id)")})
    world.place.build()
    assert world.place.due() == {}
    world.define(*scalar("inner_one", "x + 5"))
    assert world.place.due() == {"reader": ["definition_changed"]}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("x + (select count(*)::int from hidden)", "which uses hidden, which is not named by ref() or source()"),
        ("x + extract(year from now())::int", "which uses now()"),
        ("(random() * x)::int", "which uses random()"),
        ("x + clocked(1)", "which uses"),
    ],
)
def test_a_function_that_reads_a_table_or_the_clock_is_volatile(world: World, body: str, why: str) -> None:
    world.place.sql(f"create table {where(world, 'hidden')} as select 1 as id")
    world.define(*scalar("clocked", "extract(day from now())::int"))
    world.define(*scalar("strange", body))
    world.place.write({"models/reader.ff.sql": READS_BASE.format("strange(id)")})
    world.place.build()
    if "clocked" in body:  # its own reason is that of what it calls
        assert "strange()" in world.place.why("reader") or "clocked()" in world.place.why("reader")
    else:
        assert why in world.place.why("reader")
    assert world.place.due() == {"reader": ["volatile"]}


def test_volatile_false_trusts_a_function_and_still_sees_its_text_change(world: World) -> None:
    world.define(*scalar("plus", "x + 1"))
    declared = "{{ config(volatile=false) }} "
    world.place.write(
        {
            "models/reader.ff.sql": declared + READS_BASE.format("plus(id)"),
            "models/other.ff.sql": declared + "select random() as r",
        }
    )
    world.place.build()
    assert world.place.due() == {}
    world.define(*scalar("plus", "x + 2"))
    assert world.place.due() == {"reader": ["definition_changed"]}


def test_a_function_of_a_built_in_name_counts(world: World) -> None:
    world.place.write({"models/reader.ff.sql": READS_BASE.format("lower(cast(name as varchar))")})
    world.place.build()
    assert world.place.due() == {}
    world.define(
        "create macro lower(x) as 'mine'",
        f"create function {where(world, 'lower')}(varchar) returns text language sql immutable as $$ select 'mine' $$",
    )
    assert world.place.due() == {"reader": ["definition_changed"]}
    assert world.place.why("reader").endswith("lower() was not used before")
    world.place.build()
    assert world.place.sql("select v from " + where(world, "reader")) == [("mine",)]


def test_what_a_view_uses_counts_for_what_reads_the_view(world: World) -> None:
    world.define(*scalar("plus", "x + 1"))
    world.place.write(
        {
            "models/through.ff.sql": "{{ config(materialized='view') }} " + READS_BASE.format("plus(id)"),
            "models/below.ff.sql": "select v from {{ ref('through') }}",
        }
    )
    world.place.build()
    assert world.place.due() == {}
    world.define(*scalar("plus", "x + 9"))
    assert world.place.due("below") == {"below": ["input_changed"]}
    world.place.build()
    assert world.place.sql("select v from " + where(world, "below")) == [(10,)]
    assert world.place.due() == {}


def test_a_seed_of_sql_is_loaded_again_when_a_function_changes(world: World) -> None:
    world.define(*scalar("plus", "x + 1"))
    world.place.write(
        {"seeds/few.sql": "select plus(1) as n", "models/few_more.ff.sql": "select n from {{ ref('few') }}"}
    )
    world.place.build()
    assert world.place.due() == {}
    world.define(*scalar("plus", "x + 2"))
    assert world.place.build().built == {"few", "few_more"}
    assert world.place.due() == {}


def test_checks_run_again_when_a_function_in_their_condition_changes(world: World) -> None:
    world.define(*scalar("plus", "x + 1"))
    check = "{type: not_null, table: base, column: id, where: plus(id) > 0}"
    project = f"name: skips\nversion: '1'\ntests:\n  - {check}\n"
    world.place.write({"project.yml": project})
    world.place.build()
    assert reasons(world, "base") == ["unchanged"]
    world.define(*scalar("plus", "x + 2"))
    assert reasons(world, "base") == ["checks_changed"]
    world.place.write({"project.yml": project.replace("plus(id)", "unheard_of(id)")})
    assert reasons(world, "base") == ["checks_changed"]


def test_a_type_counts_with_its_labels(world: World) -> None:
    world.place.sql(f"create type {where(world, 'mood')} as enum ('sad', 'ok')")
    world.place.write({"models/reader.ff.sql": READS_BASE.format("'ok'::mood::varchar")})
    world.place.build()
    assert world.place.due() == {}
    world.define("drop type mood", f"alter type {where(world, 'mood')} add value 'glad'")
    world.define("create type mood as enum ('ok', 'sad')", "select 1")
    assert world.place.due() == {"reader": ["definition_changed"]}
    assert world.place.why("reader") == "the type mood changed"


def test_a_function_that_is_dropped_is_a_reason(world: World) -> None:
    test_a_function_of_a_built_in_name_counts(world)
    world.define("drop macro lower", f"drop function {where(world, 'lower')}(varchar)")
    assert world.place.due() == {"reader": ["definition_changed"]}


DUCKDB_MACROS = {
    "default": ("macro f(a, b := 1) as a + b", "macro f(a, b := 2) as a + b", "select f(1) as v"),
    "second": ("macro f(a) as 1, (a, b) as 2", "macro f(a) as 1, (a, b) as 3", "select f(1, 1) as v"),
    "rows": ("macro f(a) as table select a as v", "macro f(a) as table select a + 1 as v", "select * from f(1)"),
    "sign": ('macro "+"(a, b) as 42', 'macro "+"(a, b) as 43', "select 1 + 2 as v"),
    "brackets": ("macro list_value(a) as 42", "macro list_value(a) as 43", "select [1] as v"),
    "clause": ("macro trim(a) as 'x'", "macro trim(a) as 'y'", "select trim(both from ' a ') as v"),
    "word": ('macro "~~"(a, b) as true', 'macro "~~"(a, b) as false', "select 'a' like 'b' as v"),
    "chained": ("macro f(a) as 1", "macro f(a) as 2", "select (1).f() as v"),
    "schema": ("macro extra.f(a) as 1", "macro extra.f(a) as 2", "select extra.f(1) as v"),
    "capitals": ("macro F(a) as 1", "macro f(A) as 2", 'select "F"(1) as v'),
}  # fmt: skip


@pytest.mark.parametrize("name", DUCKDB_MACROS)
def test_macros_of_duckdb_count_however_they_are_called(tmp_path: Path, name: str) -> None:
    before, after, query = DUCKDB_MACROS[name]
    made = place(tmp_path, {"models/reader.ff.sql": query})
    made.sql("create schema extra", f"create or replace {before}")
    made.build()
    assert made.due() == {}
    made.sql(f"create or replace {after}")
    assert made.due() == {"reader": ["definition_changed"]}
    made.build()
    assert made.due() == {}


def test_macros_of_built_in_names_do_not_blind_the_comparison_of_rows(tmp_path: Path) -> None:
    files = {"seeds/few.csv": "id\n1\n", "models/again.ff.sql": "select id from {{ ref('few') }}"}
    made = place(tmp_path, {**files, "models/below.ff.sql": "select id from {{ ref('again') }}"})
    made.sql("create macro hash(x) as 1::ubigint", "create macro concat(a, b, c) as 'x'", "create macro sum(x) as 1")
    made.build()
    made.write({"seeds/few.csv": "id\n2\n"})
    assert made.build().built == {"few", "again", "below"}
    assert made.sql("select id from below") == [(2,)]


def test_a_macro_of_rows_that_reads_a_table_is_volatile(tmp_path: Path) -> None:
    made = place(tmp_path, {"models/reader.ff.sql": "select * from top_of(1)"})
    made.sql("create table hidden as select 1 as id", "create macro top_of(n) as table select * from hidden limit n")
    made.build()
    said = "always built: it uses the macro top_of(), which uses hidden, which is not named by ref() or source()"
    assert made.why("reader") == said


POSTGRES_STRANGE = {
    "plpgsql": (
        "create function {}.f(x int) returns int language plpgsql immutable as $$ begin return x; end $$",
        "select f(1) as v",
        "the function f(), which is not written in SQL",
    ),
    "operator": (
        """
        create function {0}.f(x int, y int) returns int language plpgsql as $$ begin return x; end $$;
        create operator {0}.### (leftarg = int, rightarg = int, function = {0}.f)
        """,
        "select 1 ### 2 as v",
        "the operator ###, which is not written in SQL",
    ),
    "field": (
        """
        create type {0}.pair as (a int);
        create function {0}.f({0}.pair) returns int language plpgsql as $$ begin return 1; end $$
        """,
        "select (row(1)::pair).f as v",
        "the function f(), which is not written in SQL",
    ),
    "aggregate": (
        "create aggregate {}.f(int) (sfunc = int4pl, stype = int)",
        "select f(1) as v",
        "the function f(), which is not written in SQL",
    ),
}


@pytest.mark.parametrize("name", POSTGRES_STRANGE)
def test_what_postgres_runs_in_another_language_is_volatile(tmp_path: Path, postgres_dsn: str, name: str) -> None:
    definition, query, said = POSTGRES_STRANGE[name]
    with Target(postgres_dsn).profile() as profile:
        made = place(tmp_path, {"profiles.yml": profile, "models/reader.ff.sql": query})
        schema = schema_of(made)
        made.sql(definition.format(schema))
        assert not made.build().failed
        assert said in made.why("reader")


def test_what_an_extension_calls_immutable_is_steady(tmp_path: Path, postgres_dsn: str) -> None:
    near = "l2_distance('[1,2]'::vector, '[3,4]') as a, '[1]'::vector <-> '[2]' as b"
    with Target(postgres_dsn).profile() as profile:
        made = place(tmp_path, {"profiles.yml": profile, "models/reader.ff.sql": f"select {near}"})
        made.sql(f"create extension vector with schema {schema_of(made)}")
        try:
            assert not made.build().failed
            assert made.due() == {}
            made.sql("drop extension vector cascade")
            said = "l2_distance(), which FFT does not know to be deterministic"
            assert said in made.why("reader")
        finally:
            made.sql("drop extension if exists vector cascade")


def test_the_default_of_a_parameter_is_read(tmp_path: Path, postgres_dsn: str) -> None:
    with Target(postgres_dsn).profile() as profile:
        made = place(tmp_path, {"profiles.yml": profile, "models/reader.ff.sql": "select f() as v"})
        schema = schema_of(made)
        made.sql(f"create function {schema}.f(x int default extract(day from now())) returns int return x")
        made.build()
        assert made.why("reader") == "always built: it uses the function f(), which uses now()"


POSTGRES_STEADY = {
    "body": (
        "function {}.f(x int) returns int return x + 1",
        "function {}.f(x int) returns int return x + 2",
        "select f(1) as v",
    ),
    "other_schema": (
        "function {0}_x.f() returns int return 1",
        "function {0}_x.f() returns int return 2",
        "select {0}_x.f() as v",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POSTGRES_STEADY)
def test_functions_of_postgres_in_other_forms(tmp_path: Path, postgres_dsn: str, name: str) -> None:
    before, after, query = POSTGRES_STEADY[name]
    with Target(postgres_dsn).profile() as profile:
        made = place(tmp_path, {"profiles.yml": profile})
        schema = schema_of(made)
        made.sql(f"create schema {schema}_x")
        try:
            made.sql(f"create or replace {before.format(schema)}")
            made.write({"models/reader.ff.sql": query.format(schema)})
            assert not made.build().failed
            assert made.due() == {}
            made.sql(f"create or replace {after.format(schema)}")
            assert made.due() == {"reader": ["definition_changed"]}
        finally:
            made.sql(f"drop schema {schema}_x cascade")


class Apart:
    """A project in a Postgres database that has another schema as well."""

    def __init__(self, place: Place, schema: str) -> None:
        self.place, self.schema = place, schema

    def define(self, sql: str) -> None:
        """Run statements in which {0} is the schema of the project, and {1} the other one."""
        self.place.sql(sql.format(self.schema, f"{self.schema}_x").strip().removesuffix(";"))


@pytest.fixture
def apart(tmp_path: Path, postgres_dsn: str) -> Iterator[Apart]:
    with Target(postgres_dsn).profile() as profile:
        made = place(tmp_path, {"profiles.yml": profile, "models/a.ff.sql": "select 1 as id, 'x' as years"})
        made.write({"models/b.ff.sql": "select t.id, t.years, t.id::text as said from {{ ref('a') }} as t"})
        schema = schema_of(made)
        made.sql(f"create schema {schema}_x")
        try:
            yield Apart(made, schema)
        finally:
            made.sql(f"drop schema {schema}_x cascade")


# {0} is the schema of the project, {1} one that nobody uses.
PEOPLE = "create table {1}.people(name text, born date);"
YEARS = "returns interval language sql stable as 'select age($1.born)';"
MONEY = """
create type {1}.money2 as (amount numeric, cur text);
create function {1}.tomoney(text) returns {1}.money2 language plpgsql immutable as
    $$ begin return row(1, $1)::{1}.money2; end $$;
create function {1}.totext({1}.money2) returns text language plpgsql immutable as $$ begin return $1.cur; end $$;
"""
INTO = "create cast (text as {1}.money2) with function {1}.tomoney(text) "
OUT_OF = "create cast ({1}.money2 as text) with function {1}.totext({1}.money2) "
MOOD = "create type {0}.mood as enum ('sad', 'ok'); create cast (varchar as {0}.mood) with inout as implicit;"
UNRELATED = {
    "row function": PEOPLE + "create function {1}.years({1}.people) " + YEARS,
    "row function in the schema of the project": PEOPLE + "create function {0}.ages({1}.people) " + YEARS,
    "explicit cast": MONEY + INTO,
    "assignment cast": MONEY + INTO + "as assignment",
    "implicit cast": MONEY + INTO + "as implicit",
    "cast to a built-in type": MONEY + OUT_OF,
    "implicit cast to a built-in type": MONEY + OUT_OF + "as implicit",
    "cast of a type that another table has": MONEY + INTO + "as implicit; create table {1}.a (m {1}.money2)",
    "implicit cast in the schema of the project": MOOD,
}


@pytest.mark.parametrize("name", UNRELATED)
def test_what_no_query_names_stops_no_skipping(apart: Apart, name: str) -> None:
    assert not apart.place.build().failed
    apart.define(UNRELATED[name])
    assert apart.place.due() == {}
    assert not apart.place.build().failed
    assert apart.place.due() == {}


USED = {
    "field": (PEOPLE + "create function {0}.ages({1}.people) " + YEARS, "(null::{1}.people).ages"),
    "quoted field": (PEOPLE + 'create function {0}."Ages"({1}.people) ' + YEARS, '(null::{1}.people)."Ages"'),
    "call": (PEOPLE + "create function {1}.ages({1}.people) " + YEARS, "{1}.ages(null::{1}.people)"),
    "any row": (
        "create function {0}.ages(anyelement) returns text language plpgsql as $$ begin return 1; end $$;",
        "t.ages",
    ),
    "explicit": (MONEY + INTO, "('x'::text)::{1}.money2"),
    "cast()": (MONEY + INTO, "cast('x'::text as {1}.money2)"),
    "array": (MONEY + INTO, "(array['x']::text[])::{1}.money2[]"),
    "domain": (MONEY + INTO + "; create domain {1}.price as {1}.money2", "('x'::text)::{1}.price"),
    "row": (MONEY + INTO + "; create type {1}.pair as (a int, m {1}.money2)", "row(1, 'x'::text)::{1}.pair"),
    "row of a table": (MONEY + INTO + "; create table {1}.pairs (a int, m {1}.money2)", "row(1, 'x'::text)::{1}.pairs"),
    "out of it": (MONEY + OUT_OF, "(row(1, 'x')::{1}.money2)::text"),
    "argument of a function": (
        MONEY + INTO + "as implicit; create function {1}.f({1}.money2) returns int language sql as 'select 1'",
        "{1}.f('x'::text)",
    ),
    "columns of a function": (MONEY + OUT_OF, "(select r.m::text from json_to_record('{{}}') as r(m {1}.money2))"),
}


@pytest.mark.parametrize("name", USED)
def test_rows_and_casts_count_where_a_query_names_them(apart: Apart, name: str) -> None:
    definition, used = USED[name]
    apart.define(definition)
    query = f"select {used} as v from {{{{{{{{ ref('a') }}}}}}}} as t"
    apart.place.write({"models/c.ff.sql": query.format(apart.schema, f"{apart.schema}_x")})
    assert not apart.place.build().failed
    assert {model: set(why) for model, why in apart.place.due().items()} == {"c": {"volatile"}}


@pytest.mark.parametrize("kind", ["{1}.money2", "{1}.money2[]", "{1}.price"])
def test_a_cast_counts_where_a_column_of_its_type_is_read(apart: Apart, kind: str) -> None:
    apart.define(
        MONEY + "create domain {1}.price as {1}.money2; create table {1}.sold as select null::" + kind + " as m"
    )
    apart.place.write(
        {
            "sources.yml": "version: 2\nsources:\n  - name: raw\n"
            f"    schema: {apart.schema}_x\n    tables: [{{name: sold}}]\n",
            "models/c.ff.sql": "select m::text as m from {{ source('raw', 'sold') }}",
        }
    )
    assert not apart.place.build().failed
    assert apart.place.due() == {}
    apart.define(OUT_OF)
    assert apart.place.due() == {"c": ["volatile"]}


def reasons(world: World, name: str) -> list[str]:
    (decision,) = (d for d in world.place.plan().decisions if d.name == name)
    return [reason.kind for reason in decision.reasons]


def schema_of(made: Place) -> str:
    """The schema of a project, which is created."""
    with made.opened() as warehouse:
        warehouse.ensure_records()
        return str(warehouse.relation("reader").schema)


def where(world: World, name: str) -> str:
    """A name with the schema of the project."""
    return f"{schema_of(world.place)}.{name}"
