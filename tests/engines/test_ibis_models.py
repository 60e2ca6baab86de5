"""Models that take ibis.Table: their query runs in the database of each engine, and no row goes through Python."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from shops import Shop, blocked, built, shop_on, states
from targets import Target

from fft_core import FftError, ProjectError, load_project, make_plan, preview, run_unit_tests
from fft_core.frames.ibis import query_of, unbound_table
from fft_core.operations.preview import find_node, rendered_sql

HEAD = "import ibis\nfrom ibis import _\nfrom fft_core import model, source\n\n\n"
ORDERS = "id,city,amount\n1,Graz,5\n2,Graz,7\n3,Linz,1\n"
CITIES = "city,country\nGraz,AT\nLinz,AT\n"
TOTALS = (
    HEAD + "@model(deps=['orders', 'cities'])\n"
    "def totals(orders: ibis.Table, cities: ibis.Table) -> ibis.Table:\n"
    "    joined = orders.join(cities, 'city')\n"
    "    return joined.group_by('city').agg(amount=_.amount.sum().cast('int64'), n=_.count())\n"
)
FILES = {"seeds/orders.csv": ORDERS, "seeds/cities.csv": CITIES, "models/totals.ff.py": TOTALS}


def one(body: str, deps: str = "'orders'", arguments: str = "", parameters: str = "orders: ibis.Table") -> str:
    """The text of a model m."""
    return f"{HEAD}@model(deps=[{deps}]{arguments})\ndef m({parameters}):\n    {body}\n"


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with shop_on(target, tmp_path) as made:
        made.write(FILES)
        yield made


def problems(root: Path) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        load_project(root, "dev", environment={})
    return [str(problem) for problem in caught.value.problems]


def test_the_query_runs_in_the_database_and_no_row_is_moved(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop.open() as warehouse:
        kind = type(warehouse.engine.frames)
    moved: list[str] = []
    for verb in ("read", "query"):
        monkeypatch.setattr(kind, verb, lambda _, rows: moved.append(rows))
    assert states(shop.build()) == {"orders": "built", "cities": "built", "totals": "built"}
    assert shop.rows("totals", "city || ' ' || amount || ' ' || n") == ["Graz 12 2", "Linz 1 1"]
    assert moved == []


def test_nothing_changed_is_reused_and_a_new_row_below_is_not(shop: Shop) -> None:
    shop.build()
    assert shop.due() == {}
    assert set(states(shop.build()).values()) == {"reused"}
    shop.write({"seeds/orders.csv": ORDERS + "4,Graz,8\n"})
    assert shop.due() == {"orders": ["code_changed"], "totals": ["input_changed"]}
    shop.build()
    assert shop.rows("totals", "amount") == [1, 20]
    shop.write({"models/totals.ff.py": TOTALS.replace("_.count()", "_.count() + 1")})
    assert shop.due() == {"totals": ["code_changed"]}


def test_equal_rows_in_another_order_keep_their_version(shop: Shop) -> None:
    """A query without `order by` has no order, as in SQL: a frame has one."""
    shop.write(
        {"models/m.ff.py": one("return orders.select('id')"), "models/n.ff.sql": "select id from {{ ref('m') }}"}
    )
    shop.build()
    shop.write({"seeds/orders.csv": "id,city,amount\n3,Linz,1\n2,Graz,7\n1,Graz,5\n"})
    assert states(shop.build()) == {
        "orders": "built",
        "cities": "reused",
        "totals": "built",
        "m": "built",
        "n": "reused",
    }


@pytest.mark.parametrize("kind", ["view", "ephemeral"])
def test_the_order_of_what_it_reads_counts_if_that_sorts(shop: Shop, kind: str) -> None:
    low = "{{ config(materialized='KIND') }} select id from {{ ref('orders') }} order by id {}".replace("KIND", kind)
    shop.write(
        {
            "models/low.ff.sql": low.replace("{}", "asc"),
            "models/m.ff.py": one("return low", "'low'", "", "low: ibis.Table"),
            "models/n.ff.sql": "select id from {{ ref('m') }} limit 1",
        }
    )
    shop.build()
    assert shop.rows("n") == [1]
    shop.write({"models/low.ff.sql": low.replace("{}", "desc")})
    assert states(shop.build())["n"] == "built"
    assert shop.rows("n") == [3]


def test_a_query_that_sorts_has_an_order(shop: Shop) -> None:
    code = one("return orders.order_by(_.id.asc())")
    shop.write({"models/m.ff.py": code, "models/n.ff.sql": "select id from {{ ref('m') }} limit 1"})
    shop.build()
    shop.write({"models/m.ff.py": code.replace("asc", "desc")})
    assert states(shop.build())["n"] == "built"
    assert shop.rows("n") == [3]


def test_checks_hold_bad_rows_back(shop: Shop) -> None:
    shop.write({}, "  - {type: not_null, table: totals, column: city}\n")
    shop.build()
    shop.write({"models/totals.ff.py": TOTALS.replace("return joined", "return joined.mutate(city=ibis.null(str))")})
    blocked(shop.build()["totals"])
    assert shop.rows("totals", "city") == ["Graz", "Linz"]


def test_a_view_stores_the_query(shop: Shop) -> None:
    shop.write({"models/totals.ff.py": TOTALS.replace("deps=", "materialized='view', deps=")})
    assert built(shop.build()["totals"]).kind == "view"
    with shop.open() as warehouse:
        assert not warehouse.engine.inspect([warehouse.relation("__ff_py_totals")])
    assert shop.due() == {}
    shop.write({"seeds/orders.csv": ORDERS + "4,Graz,8\n"})
    shop.build("orders")
    assert shop.rows("totals", "amount") == [1, 20]


def test_checks_of_such_a_view_judge_the_rows_below_it_first(shop: Shop) -> None:
    low = one("return orders.select('id', big=ibis.ifelse(_.amount > 6, _.amount, ibis.null('int64')))")
    view = low.replace("def m(", "def v(").replace("deps=['orders']", "materialized='view', deps=['m']")
    view = view.replace("ibis.ifelse(_.amount > 6, _.amount, ibis.null('int64'))", "_.big")
    fine = low.replace("_.amount > 6", "_.amount > 0")
    check = "  - {type: not_null, table: v, column: big}\n"
    shop.write({"models/m.ff.py": fine, "models/v.ff.py": view}, check)
    shop.build()
    assert shop.due() == {}
    shop.write({"models/m.ff.py": low})
    assert shop.read_by_views() == {"m": [("v", "v")]} or shop.read_by_views() == {"m": [("v", "m")]}
    error = blocked(shop.build()["m"])
    assert "its rows would fail 1 check(s) of the view v" in str(error)
    assert shop.rows("m", "big") == [1, 5, 7]


def test_a_view_is_what_others_read(shop: Shop) -> None:
    view = one("return orders.filter(_.amount > 3)", arguments=", materialized='view'")
    shop.write({"models/m.ff.py": view, "models/n.ff.sql": "select id from {{ ref('m') }}"})
    shop.build()
    assert shop.due() == {}
    shop.write({"seeds/orders.csv": ORDERS + "4,Graz,8\n"})
    assert states(shop.build())["n"] == "built"
    assert shop.rows("n") == [1, 2, 4]
    assert shop.due() == {}


INCREMENT = (
    "if not is_incremental:\n        return orders\n"
    "    return orders.filter(orders.id > this.id.max().as_scalar()).mutate(amount=_.amount * 10)"
)


def test_an_incremental_model_returns_the_delta(shop: Shop) -> None:
    code = one(
        INCREMENT,
        arguments=", materialized='incremental', unique_key='id'",
        parameters="orders: ibis.Table, *, this: ibis.Table | None, is_incremental: bool",
    )
    shop.write({"models/m.ff.py": code})
    shop.build()
    assert shop.rows("m", "amount") == [1, 5, 7]
    assert shop.due() == {}
    shop.write({"seeds/orders.csv": ORDERS + "4,Graz,8\n"})
    assert built(shop.build()["m"]).decision.is_increment
    assert shop.rows("m", "amount") == [1, 5, 7, 80]
    assert shop.due() == {}


def test_what_only_the_increment_uses_counts_from_the_first_build(shop: Shop) -> None:
    code = one(
        INCREMENT.replace("_.amount * 10", "_.amount, u=ibis.uuid()").replace("return orders\n", SAME),
        arguments=", materialized='incremental', unique_key='id'",
        parameters="orders: ibis.Table, *, this: ibis.Table | None, is_incremental: bool",
    )
    shop.write({"models/m.ff.py": code})
    shop.build()
    assert shop.due() == {"m": ["volatile"]}


SAME = "return orders.mutate(u=ibis.literal('7d0bcf3e-0000-4000-8000-000000000000').cast('uuid'))\n"


def test_a_snapshot_keeps_versions(shop: Shop) -> None:
    settings = ", materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': ['amount']}"
    shop.write({"models/m.ff.py": one("return orders", arguments=settings)})
    shop.build()
    shop.write({"seeds/orders.csv": ORDERS.replace("3,Linz,1", "3,Linz,2")})
    shop.build()
    assert shop.rows("m", "amount") == [1, 2, 5, 7]
    assert shop.due() == {}


def test_what_the_query_was_found_to_use_is_remembered(shop: Shop) -> None:
    """`ibis.uuid()` is not known by its name in Python; in the SQL it is."""
    shop.write({"models/m.ff.py": one("return orders.mutate(u=ibis.uuid())")})
    assert shop.due()["m"] == ["never_built"]
    shop.build()
    assert shop.due() == {"m": ["volatile"]}
    shop.write({"models/m.ff.py": one("return orders.mutate(u=ibis.uuid())", arguments=", volatile=False")})
    shop.build()
    assert shop.due() == {}
    shop.write({"models/m.ff.py": one("return orders")})
    shop.build()
    assert shop.due() == {}


def test_a_model_that_takes_frames_from_now_on_forgets_its_query(shop: Shop) -> None:
    shop.write({"models/m.ff.py": one("return orders.mutate(u=ibis.uuid())")})
    shop.build()
    shop.write({"models/m.ff.py": one("return orders", parameters="orders")})
    with shop.open() as warehouse:
        (decision,) = make_plan(warehouse).builds
    assert [str(reason) for reason in decision.reasons] == ["its Python changed"]
    shop.build()
    assert shop.due() == {}


def test_a_volatile_view_has_no_version(shop: Shop) -> None:
    view = one("return orders.select(u=ibis.uuid().cast(str))", arguments=", materialized='view'")
    shop.write({"models/m.ff.py": view, "models/n.ff.sql": "select u from {{ ref('m') }}"})
    shop.build()
    assert shop.due() == {"m": ["volatile"], "n": ["input_changed"]}
    shop.write({"models/m.ff.py": one("return orders.select(u=_.city)", arguments=", materialized='view'")})
    shop.build()
    assert shop.due() == {}


def test_what_users_of_the_database_defined_counts(shop: Shop) -> None:
    made = {
        "duckdb": "create or replace macro twice(x) as x * {}",
        "postgres": "create or replace function twice(x bigint) returns bigint immutable language sql"
        " as 'select x * {}'",
    }[shop.engine]
    if shop.engine == "postgres":
        made = made.replace("function twice", f'function "{shop.settings["db_schema"]}".twice')
    shop.build("orders")
    shop.execute(made.format(2), "orders")
    code = one("return orders.select(x=twice(_.amount))").replace("@model", f"{UDF}@model")
    shop.write({"models/m.ff.py": code.replace("SCHEMA", repr(shop.settings.get("db_schema")))})
    assert states(shop.build())["m"] == "built"
    assert shop.rows("m", "x") == [2, 10, 14]
    assert shop.due() == {}
    shop.execute(made.format(3), "orders")
    assert shop.due() == {"m": ["definition_changed"]}
    shop.build()
    assert shop.rows("m", "x") == [3, 15, 21]
    assert shop.due() == {}


UDF = "@ibis.udf.scalar.builtin(database=SCHEMA)\ndef twice(x: int) -> int: ...\n\n\n"


def test_ephemeral_models_are_part_of_the_query(shop: Shop) -> None:
    big = "{{ config(materialized='ephemeral') }} with a as (select * from {{ ref('orders') }}) "
    big += "select * from a where amount > {}"
    shop.write({"models/big.ff.sql": big.replace("{}", "4"), "models/m.ff.py": EPHEMERAL})
    shop.build()
    assert shop.rows("m", "n") == [2, 2]
    assert shop.due() == {}
    shop.write({"models/big.ff.sql": big.replace("{}", "6")})
    assert shop.due() == {"m": ["code_changed"]}
    shop.build()
    assert shop.rows("m", "n") == [1]


EPHEMERAL = one(
    "return big.join(cities, 'city').mutate(n=_.count().over())",
    deps="'big', 'cities'",
    parameters="big: ibis.Table, cities: ibis.Table",
)


def test_a_mapping_of_tables_and_a_source(shop: Shop) -> None:
    body = "return tables['orders'].join(tables[source('crm', 'cities')], 'city').select('id', 'country')"
    code = one(body, deps="'orders', source('crm', 'cities')", parameters="tables: dict[str, ibis.Table]")
    shop.write({"models/m.ff.py": code, "sources.yml": "crm: {cities: {identifier: cities}}\n"})
    shop.build()
    assert shop.rows("m", "country") == ["AT"] * 3


def test_types_of_the_database_reach_the_query(shop: Shop) -> None:
    """Types that Ibis has no word for go through it as they are."""
    shop.write(
        {
            "models/typed.ff.sql": "select cast(1.25 as decimal(9, 4)) as d, date '2025-02-03' as day, "
            "interval '1 day' as i, array[1, 2] as list, cast('101' as bit(3)) as b",
            "models/m.ff.py": one("return typed.mutate(y=_.day.year())", "'typed'", "", "typed: ibis.Table"),
        }
    )
    if shop.engine == "duckdb":
        text = (shop.root / "models/typed.ff.sql").read_text()
        shop.write({"models/typed.ff.sql": text.replace("bit(3)", "bit")})
    shop.build()
    with shop.open() as warehouse:
        columns = [
            warehouse.engine.columns(f"select * from {warehouse.relation(n).sql(warehouse.engine.spelling)}")
            for n in NAMES
        ]
    assert columns[1][:-1] == columns[0]
    assert shop.rows("m", "y") == [2025]


NAMES = ("typed", "m")


@pytest.mark.parametrize("kind", ["GEOMETRY('EPSG:4326')", "numeric(5,7)", "int4range", '"s"."My Type"[]', "no type("])
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_a_column_of_any_type_can_be_selected(kind: str, dialect: str) -> None:
    table = unbound_table("a", {"x": kind, "y": "integer"}, dialect)
    query = query_of(table.select("x"), dialect)
    assert query.symbolic.split() == ["SELECT", '"t0"."x"', "FROM", '"@a"', "AS", '"t0"']


def test_names_that_need_quotes(shop: Shop) -> None:
    code = one("return odd.mutate(**{'a\"b': _['Sélect'] + 1})", "'odd'", "", "odd: ibis.Table")
    shop.write({"models/odd.ff.sql": 'select 1 as "Sélect", 2 as "it\'s", 3 as "@id"', "models/m.ff.py": code})
    shop.build()
    assert shop.rows("m", '"a""b"') == [2]
    assert shop.rows("m", '"@id"') == [3]


def test_the_sql_is_shown_without_building(shop: Shop) -> None:
    shop.build("orders", "cities")
    with shop.open() as warehouse:
        node = find_node(warehouse.project, "totals")
        text = rendered_sql(warehouse.project, node, warehouse)  # type: ignore[arg-type]
        assert "GROUP BY" in text
        assert warehouse.relation("orders").sql(warehouse.engine.spelling) in text
        assert len(preview(warehouse, node, 10).rows) == 2
        assert preview(warehouse, node, 10).published is None
    with pytest.raises(FftError, match="'totals' is a Python model: it has no SQL"):
        rendered_sql(warehouse.project, node)  # type: ignore[arg-type]


def test_a_missing_input_is_named(shop: Shop) -> None:
    with pytest.raises(FftError, match=r"model 'totals' reads .*orders, which does not exist"):
        raise shop.build("totals")["totals"]  # type: ignore[misc]


def test_requires_is_looked_at_before_the_function_is_called(shop: Shop) -> None:
    shop.write({"models/m.ff.py": one("raise AssertionError", arguments=", requires=['id', 'town']")})
    error = shop.build()["m"]
    assert "requires 'town' of 'orders', which has 'id', 'city', 'amount'" in str(error)


CASES = """\
model: totals
defaults:
  inputs:
    cities: {rows: [{city: Graz, country: AT}]}
cases:
  - name: sums
    inputs:
      orders: {rows: [{id: 1, city: Graz, amount: 5}, {id: 2, city: Graz, amount: 6}, {id: 3, city: X, amount: 1}]}
    expect: {rows: [{city: Graz, amount: 11, n: 2}]}
  - name: none
    inputs: {orders: {rows: [], columns: {id: integer, city: text, amount: integer}}}
    expect: {rows: []}
"""
DELTA_CASES = """\
model: m
cases:
  - name: delta
    inputs:
      orders: {rows: [{id: 1, city: Graz, amount: 5}, {id: 2, city: Graz, amount: 6}]}
      this: {rows: [{id: 1, city: Graz, amount: 4}]}
    expect: {rows: [{id: 1, amount: 4}, {id: 2, amount: 60}]}
"""


def test_unit_tests(shop: Shop) -> None:
    code = one(
        INCREMENT,
        arguments=", materialized='incremental', unique_key='id'",
        parameters="orders: ibis.Table, *, this: ibis.Table | None, is_incremental: bool",
    )
    shop.write({"models/m.ff.py": code, "tests/unit/totals.yml": CASES, "tests/unit/m.yml": DELTA_CASES})
    settings = ", ".join(f"{key}: '{value}'" for key, value in shop.settings.items())
    shop.write({"profiles.yml": f"dev: {{engine: {shop.engine}, {shop.engine}: {{{settings}}}}}\n"})
    project = load_project(shop.root, "dev", environment={})
    results = list(run_unit_tests(project, project.unit_tests))
    assert {result.test.name: (result.status, str(result.error or "")) for result in results} == {
        "sums": ("pass", ""),
        "none": ("pass", ""),
        "delta": ("pass", ""),
    }


WRONG = {
    "no table": ("return 3", r"must return one, not builtins.int"),
    "a frame": ("import pandas as pd; return pd.DataFrame({'x': [1]})", "must return one, not pandas.DataFrame"),
    "a value": ("return orders.count()", r"must return one, not ibis.IntegerScalar"),
    "rows of Python": ("return ibis.memtable({'id': [1]})", r"over ibis.memtable\(\), whose rows are in this process"),
    "another table": (
        "return ibis.table({'id': 'int64'}, name='users')",
        "over users, which is not an input of the model",
    ),
    "a function of Python": (
        (
            "plus = ibis.udf.scalar.python(lambda x: x, signature=(('int64',), 'int64'), name='plus')\n"
            "    return orders.select(x=plus(_.id))"
        ),
        r"it calls plus\(\), a Python function",
    ),
    "no SQL": ("return orders.select(x=orders.id.histogram(3).cast('interval'))", "m.ff.py"),
    "its own error": ("return orders.nothing", "AttributeError"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_a_model_cannot_return(shop: Shop, kind: str) -> None:
    body, said = WRONG[kind]
    shop.write({"models/m.ff.py": one(body)})
    error = shop.build()["m"]
    assert isinstance(error, FftError)
    assert re.search(said, str(error)), error
    assert "models/m.ff.py" in str(error)


def test_a_column_that_is_given_a_wrong_type_is_an_error_of_the_database(shop: Shop) -> None:
    shop.write({"models/m.ff.py": one("return orders.select(x=_.city.cast('int64'))")})
    error = shop.build()["m"]
    assert isinstance(error, FftError)
    assert "model 'm': " in str(error)
    assert "In the rendered SQL" in str(error) or "The SQL as sent" in str(error)


MIXED: Mapping[str, tuple[str, str]] = {
    "pandas": ("a: ibis.Table, b: pd.DataFrame", "m(a: ibis.Table) is ibis.Table, b is pandas.DataFrame"),
    "nothing": ("a: ibis.Table, b", "b is pandas.DataFrame, as it has no annotation"),
    "polars first": ("a: pl.LazyFrame, b: ibis.Table", "m(b: ibis.Table) is ibis.Table, a is polars.LazyFrame"),
}


@pytest.mark.parametrize("kind", MIXED)
def test_a_table_and_a_frame_do_not_go_together(tmp_path: Path, kind: str) -> None:
    parameters, said = MIXED[kind]
    head = HEAD + "import pandas as pd\nimport polars as pl\n"
    code = f"{head}@model(deps=['orders', 'cities'])\ndef m({parameters}):\n    return a\n"
    with shop_on(Target(None), tmp_path) as shop:
        shop.write({**FILES, "models/m.ff.py": code})
        (found,) = problems(shop.root)
    assert found.startswith("models/m.ff.py:9: ")
    assert said in found
    assert "annotate all of them with ibis.Table, or none" in found


def test_its_own_table_is_of_the_same_kind(tmp_path: Path) -> None:
    code = one(
        "return orders",
        arguments=", materialized='incremental', unique_key='id'",
        parameters="orders: ibis.Table, *, this",
    )
    with shop_on(Target(None), tmp_path) as shop:
        shop.write({**FILES, "models/m.ff.py": code})
        (found,) = problems(shop.root)
    assert "this is pandas.DataFrame, as it has no annotation" in found


def test_ibis_is_imported_when_such_a_model_is_built(tmp_path: Path) -> None:
    """Not for plans, nor for the builds of others; and if it does not exist, the error says what to install."""
    with shop_on(Target(None), tmp_path) as shop:
        shop.write(FILES)
        shop.write({"models/m.ff.py": MISSING})
        code = (
            "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); sys.modules['ibis'] = None\n"
            "from shops import Shop\n"
            "shop = Shop(Path(sys.argv[1]), 'duckdb', {'path': sys.argv[1] + '/db.duckdb'})\n"
            "print(sorted(shop.due())); shop.build('orders'); print(shop.build('m')['m'])\n"
        )
        command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    planned, said = done.stdout.splitlines()[:2]
    assert planned == "['cities', 'm', 'orders', 'totals']"
    assert "a model takes Ibis tables, but Ibis is not installed" in said
    assert 'pip install "fft-dagster[ibis]"' in done.stdout


MISSING = (
    "from typing import TYPE_CHECKING\nfrom fft_core import model\nif TYPE_CHECKING:\n    import ibis\n\n\n"
    "@model(deps=['orders'])\ndef m(orders: 'ibis.Table'):\n    return orders\n"
)


def test_it_can_be_a_materialized_view_where_there_are_any(tmp_path: Path, postgres_dsn: str) -> None:
    with shop_on(Target(postgres_dsn), tmp_path) as shop:
        shop.write({**FILES, "models/totals.ff.py": TOTALS.replace("deps=", "materialized='materialized_view', deps=")})
        assert built(shop.build()["totals"]).kind == "materialized_view"
        assert shop.rows("totals", "amount") == [1, 12]
        assert shop.due() == {}


def test_it_cannot_be_ephemeral(tmp_path: Path) -> None:
    with shop_on(Target(None), tmp_path) as shop:
        shop.write({**FILES, "models/totals.ff.py": TOTALS.replace("deps=", "materialized='ephemeral', deps=")})
        assert "a Python model cannot be 'ephemeral'" in problems(shop.root)[0]
