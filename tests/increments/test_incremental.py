"""Incremental models: when they are built in place, what is refused, and what a plan says."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from targets import Target
from workbench import EVENTS, Bench, bench

from fft_core import CheckFailedError, FftError, ProjectError
from fft_core.build.publish import BuildResult


@pytest.fixture
def shop(target: Target) -> Iterator[Bench]:
    with bench(target) as made:
        yield made


COLUMNS = {"id": "integer", "val": "varchar"}
QUERY = f"select id, val from {EVENTS}"
MERGE = "materialized='incremental', unique_key='id'"
CHECKS = "name: bench\nversion: '1'\ntests: [%s]\n"


def test_the_first_build_is_whole_and_the_next_ones_are_not(shop: Bench) -> None:
    said = "{% if is_incremental() %}'increment into ' || '{{ this.name }}'{% else %}'whole'{% endif %}"
    shop.model(MERGE, f"select id, {said} as val from {EVENTS}")
    for ids in ([1], [1], [2]):
        shop.fill(COLUMNS, [(i, "a") for i in ids])
        result = shop.build()["m"]
    assert shop.rows() == [(1, "whole"), (2, "increment into m")]
    assert isinstance(result, BuildResult)
    assert (result.row_count, result.changes) == (2, {"delta_rows": 1})


def test_an_ephemeral_model_is_never_incremental(shop: Bench) -> None:
    shop.model("materialized='ephemeral'", f"select id, '{{{{ is_incremental() }}}}' as val from {EVENTS}", name="e")
    shop.model(MERGE, "select id, val from {{ ref('e') }} as e")
    for key in (1, 2):
        shop.fill(COLUMNS, [(key, "a")])
        shop.build()
    assert shop.rows() == [(1, "False"), (2, "False")]


def test_a_change_of_code_keeps_the_rows_and_the_plan_says_so(shop: Bench) -> None:
    shop.model(MERGE, QUERY)
    shop.fill(COLUMNS, [(1, "a")])
    shop.build()
    shop.fill(COLUMNS, [(2, "b")])
    shop.model(MERGE, QUERY.replace("val", "upper(val) as val"))
    assert shop.why() == (
        "build increment: its SQL changed; existing rows stay as they are "
        "(--full-refresh m rebuilds all of them); raw.events changed"
    )
    shop.build()
    assert shop.rows() == [(1, "a"), (2, "B")]
    assert shop.why() == "reuse : nothing changed"
    (decision,) = shop.plan(full_refresh=["*"]).builds
    assert not decision.is_increment
    shop.build(full_refresh=["m*"])
    assert shop.rows() == [(2, "B")]


def test_only_the_incremental_text_counts_too(shop: Bench) -> None:
    shop.model(MERGE, QUERY + "{% if is_incremental() %} where id > 0 {% endif %}")
    shop.fill(COLUMNS, [(1, "a")])
    shop.build()
    shop.model(MERGE, QUERY + "{% if is_incremental() %} where id > 1 {% endif %}")
    assert shop.why().startswith("build increment: its SQL changed")
    shop.build()
    shop.model(
        MERGE + ", updated_at_column='id', lookback=3", QUERY + "{% if is_incremental() %} where id > 1 {% endif %}"
    )
    assert "its config changed: lookback, updated_at" in shop.why()


def test_a_full_refresh_of_nothing_is_an_error(shop: Bench) -> None:
    shop.model("", QUERY)
    shop.fill(COLUMNS, [])
    with pytest.raises(FftError, match="--full-refresh 'm' matches no incremental model"):
        shop.plan(full_refresh=["m"])


def test_rows_that_are_there_are_kept_whoever_made_them(shop: Bench) -> None:
    shop.model(MERGE, QUERY)
    shop.warehouse.engine.execute("create table m as select 7 as id, 'old' as val")
    shop.fill(COLUMNS, [(1, "a")])
    assert shop.why().startswith("build increment: no build is recorded; existing rows stay")
    shop.build()
    assert shop.rows() == [(1, "a"), (7, "old")]
    shop.warehouse.engine.execute("delete from m where id = 7")
    assert "has 1 rows, not 2; existing rows stay" in shop.why()
    shop.build()
    assert shop.why() == "reuse : nothing changed"


def test_columns_altered_by_hand_are_noticed_after_an_increment(shop: Bench) -> None:
    shop.model(MERGE, QUERY)
    for key in (1, 2):
        shop.fill(COLUMNS, [(key, "a")])
        shop.build()
    shop.warehouse.engine.execute("alter table m add column more integer")
    assert "was replaced since its last build" in shop.why()


def test_a_table_becomes_incremental_and_a_view_is_replaced(shop: Bench) -> None:
    shop.fill(COLUMNS, [(1, "a")])
    shop.model("", QUERY)
    shop.build()
    shop.fill(COLUMNS, [(2, "b")])
    shop.model(MERGE, QUERY)
    shop.build()
    assert shop.rows() == [(1, "a"), (2, "b")]
    shop.model("materialized='view'", QUERY)
    shop.build()
    shop.model(MERGE, QUERY)
    assert shop.why().startswith("build whole: its config changed: ")
    shop.build()
    assert shop.rows() == [(2, "b")]


def test_an_increment_without_rows_leaves_what_is_below_alone(shop: Bench) -> None:
    where = "{% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}"
    shop.model(MERGE + ", early_cutoff=False", QUERY + where)
    shop.model("", "select count(*) as n from {{ ref('m') }}", name="below")
    shop.fill(COLUMNS, [(1, "a"), (2, "b")])
    before = shop.build()["m"].data_version
    shop.fill(COLUMNS, [(2, "b")])
    results = shop.build()
    assert {name: result.decision.action for name, result in results.items()} == {"m": "build", "below": "reuse"}
    assert results["m"].data_version == before
    shop.fill(COLUMNS, [(3, "c")])
    assert [result.decision.action for result in shop.build().values()] == ["build", "build"]
    assert shop.rows("select n from below") == [(3,)]


# keys


@pytest.mark.parametrize(
    ("config", "rows", "message"),
    [
        (
            MERGE,
            [(4, "a"), (4, "b"), (5, "c")],
            "values of unique_key (id) that occur more than once: 1, such as id = 4 (2 times) [FFT-432]",
        ),
        (MERGE, [(None, "a"), (5, "c")], "rows with NULL in unique_key (id): 1, such as id = NULL [FFT-432]"),
        (
            "materialized='incremental', strategy='delete_insert', unique_key=['id', 'val']",
            [(4, "a"), (4, "a"), (4, "b")],
            "(id, val) that occur more than once: 1, such as id = 4, val = a (2 times) [FFT-432]",
        ),
        (
            "materialized='incremental', strategy='insert_overwrite', partition_by='val'",
            [(4, None)],
            "NULL in the columns that must be set (val): 1, such as val = NULL [FFT-432]",
        ),
        (
            "materialized='incremental', unique_key='idd'",
            [],
            "its unique_key 'idd' is not one of its columns [FFT-430]\n    hint: Did you mean 'id'?",
        ),
        (
            MERGE + ", updated_at_column='ts'",
            [],
            "its updated_at_column 'ts' is not one of its columns [FFT-430]\n    hint: Its columns: id, val.",
        ),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_rows_that_cannot_be_told_apart_are_refused(
    shop: Bench, config: str, rows: list[tuple[object, ...]], message: str, is_first: bool
) -> None:
    if not is_first:
        shop.model(MERGE, QUERY)
        shop.fill(COLUMNS, [(1, "a")])
        shop.build()
    shop.write({"models/m.ff.sql": f"\n{{{{ config({config}) }}}}\n{QUERY}"})
    shop.fill(COLUMNS, rows)
    for _ in range(2):  # nothing is left of the first try
        with pytest.raises(FftError) as caught:
            shop.build()
        assert str(caught.value).startswith("models/m.ff.sql:2: model 'm': ")
        assert message in str(caught.value)
    relation = shop.warehouse.relation("m")
    found = shop.rows() if relation in shop.warehouse.engine.inspect([relation]) else None
    assert found == (None if is_first else [(1, "a")])


# checks


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        ("{type: row_count_between, table: m, max_rows: 1, scope: delta}", True),
        ("{type: row_count_between, table: m, max_rows: 1}", False),
        ("{type: not_null, table: m, column: val, scope: delta}", False),
        ("{type: not_null, table: m, column: val}", False),
        ("{type: not_null, table: m, column: val, severity: warn}", True),
        ("{type: not_null, table: m, column: val, scope: delta, severity: warn}", True),
    ],
)
def test_checks_judge_before_anything_is_published(shop: Bench, check: str, passes: bool) -> None:
    shop.write({"project.yml": CHECKS % check})
    shop.model(MERGE, QUERY)
    shop.fill(COLUMNS, [(1, "a")])
    shop.build()
    shop.fill(COLUMNS, [(2, None)])
    if passes:
        (result,) = shop.build()["m"].checks
        assert result.row_count == (1 if "delta" in check else 2)
        assert result.passed == ("not_null" not in check)
        assert shop.rows() == [(1, "a"), (2, None)]
        assert not shop.plan().builds
        return
    version = shop.rows("select data_version, stamp from _ff_meta")
    with pytest.raises(CheckFailedError, match="m is not published: 1 check"):
        shop.build()
    assert shop.rows() == [(1, "a")]
    assert shop.rows("select data_version, stamp from _ff_meta") == version
    assert [d.name for d in shop.plan().builds] == ["m"]


def test_old_bad_rows_fail_the_table_and_not_the_delta(shop: Bench) -> None:
    shop.model(MERGE, QUERY)
    shop.fill(COLUMNS, [(1, None)])
    shop.build()
    shop.fill(COLUMNS, [(2, "b")])
    shop.write({"project.yml": CHECKS % "{type: not_null, table: m, column: val}"})
    with pytest.raises(CheckFailedError):
        shop.build()
    shop.write({"project.yml": CHECKS % "{type: not_null, table: m, column: val, scope: delta}"})
    shop.build()
    assert shop.rows() == [(1, None), (2, "b")]


# columns


NEW, GONE, OTHER = (
    f"select id, val, 5 as more from {EVENTS}",
    f"select id from {EVENTS}",
    f"select id, id as val from {EVENTS}",
)


@pytest.mark.parametrize("strategy", ["merge", "delete_insert"])
@pytest.mark.parametrize(
    ("policy", "query", "rows"),
    [
        ("ignore", NEW, [(1, "a"), (2, "b")]),
        ("append_new_columns", NEW, [(1, "a", None), (2, "b", 5)]),
        ("sync_all_columns", NEW, [(1, "a", None), (2, "b", 5)]),
        ("ignore", GONE, [(1, "a"), (2, None)]),
        ("append_new_columns", GONE, [(1, "a"), (2, None)]),
        ("sync_all_columns", GONE, [(1,), (2,)]),
        ("ignore", OTHER, [(1, "a"), (2, "2")]),
        ("append_new_columns", OTHER, [(1, "a"), (2, "2")]),
        ("fail", NEW, "on_schema_change is 'fail': more ("),
        ("fail", GONE, "on_schema_change is 'fail': val is missing"),
        ("fail", OTHER, "on_schema_change is 'fail': val is "),
    ],
)
def test_on_schema_change(shop: Bench, strategy: str, policy: str, query: str, rows: object) -> None:
    config = f"{MERGE}, strategy='{strategy}', on_schema_change='{policy}'"
    shop.model(config, QUERY)
    shop.fill(COLUMNS, [(1, "a")])
    shop.build()
    shop.model(config, query)
    shop.fill(COLUMNS, [(2, "b")])
    if isinstance(rows, str):
        with pytest.raises(FftError) as caught:
            shop.build()
        assert rows in str(caught.value)
        assert shop.rows() == [(1, "a")]
        return
    shop.build()
    assert shop.rows() == rows
    assert not shop.plan().builds


def test_types_follow_where_all_columns_are_synced(shop: Bench) -> None:
    config = f"{MERGE}, on_schema_change='sync_all_columns'"
    shop.model(config, f"select id, id as val from {EVENTS}")
    shop.fill(COLUMNS, [(1, "a")])
    shop.build()
    shop.model(config, QUERY)
    shop.fill(COLUMNS, [(2, "b")])
    shop.build()
    assert shop.rows() == [(1, "1"), (2, "b")]
    assert not shop.plan().builds


def test_values_that_another_type_would_change_are_refused(shop: Bench) -> None:
    shop.model(MERGE, f"select id, id as val from {EVENTS}")
    shop.fill(COLUMNS, [(1, "a")])
    shop.build()
    shop.model(MERGE, f"select id, cast(id as double precision) / 4 as val from {EVENTS}")
    shop.fill(COLUMNS, [(2, "b"), (4, "b")])
    with pytest.raises(FftError, match=r"its column 'val' is .*: 1 values would change"):
        shop.build()
    shop.fill(COLUMNS, [(4, "b")])
    shop.build()
    assert shop.rows() == [(1, 1), (4, 1)]


@pytest.mark.parametrize("strategy", ["merge", "delete_insert"])
def test_a_key_of_another_type_is_compared_as_the_table_has_it(shop: Bench, strategy: str) -> None:
    config = f"{MERGE}, strategy='{strategy}'"
    shop.model(config, QUERY)
    shop.fill(COLUMNS, [(1, "a"), (2, "b")])
    shop.build()
    shop.model(config, f"select cast(id as varchar) as id, upper(val) as val from {EVENTS}")
    shop.fill(COLUMNS, [(2, "b"), (3, "c")])
    shop.build()
    assert shop.rows() == [(1, "a"), (2, "B"), (3, "C")]


def test_a_merge_keeps_what_the_rows_do_not_have_and_delete_insert_does_not(shop: Bench) -> None:
    for strategy, kept in (("merge", "a"), ("delete_insert", None)):
        shop.model(f"{MERGE}, strategy='{strategy}'", QUERY)
        shop.fill(COLUMNS, [(1, "a")])
        shop.build(full_refresh=["m"])
        shop.model(f"{MERGE}, strategy='{strategy}'", f"select id, 'new' as more from {EVENTS}")
        shop.build()
        assert shop.rows("select val from m") == [(kept,)]


# Python


def test_a_python_model_is_given_its_table_only_when_it_asks(shop: Bench) -> None:
    code = """\
        import pandas as pd
        import polars as pl
        from fft_core import model

        @model(materialized="incremental", strategy="append", volatile=True)
        def m(*, is_incremental: bool):
            return pd.DataFrame({"n": [int(is_incremental)]})

        @model(name="counter", materialized="incremental", meta={"unique_key": "n"}, volatile=True)
        def counter(*, this: "pl.DataFrame | None"):
            return pd.DataFrame({"n": [0 if this is None else this["n"].max() + 1]})
        """
    shop.write({"models/m.ff.py": code})
    for _ in range(3):
        shop.build()
    assert shop.rows() == [(0,), (1,), (1,)]
    assert shop.rows("select n from counter") == [(0,), (1,), (2,)]


# what existing projects say, and what does not fit


def test_project_yml_lies_under_the_config_of_the_file(shop: Bench, caplog: pytest.LogCaptureFixture) -> None:
    text = """\
        name: bench
        version: '1'
        models:
          incremental:
            m.ff: {unique_key: val, incremental: {enabled: true, updated_at_columns: [id], schema_sync: fail}}
            n: {primary_key: [id]}
            gone.ff: {unique_key: id}
        """
    shop.write({"project.yml": text})
    shop.model("materialized='incremental', unique_key='id', incremental={'updated_at_column': 'val'}", QUERY)
    shop.write({"models/n.ff.sql": QUERY})
    with caplog.at_level(logging.WARNING):
        models = shop.reload().project.models
    m, n = models["m"].materialization, models["n"].materialization
    assert vars(m) == {
        "unique_key": ("id",),
        "strategy": "merge",
        "partition_by": (),
        "updated_at": ("val",),
        "lookback": None,
        "on_schema_change": "fail",
        "delta_sql": None,
        "name": "incremental",
    }
    assert (n.name, vars(n)["unique_key"]) == ("incremental", ("id",))
    assert "project.yml:7: models.incremental names 'gone.ff', which is not a model" in caplog.text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("materialized='incremental'", "an incremental model of strategy 'merge' needs unique_key [FFT-163]"),
        ("materialized='incremental', strategy='upsert'", "config(): strategy: unknown value 'upsert' [FFT-106]"),
        (
            "materialized='incremental', strategy='insert_overwrite'",
            "strategy 'insert_overwrite' needs partition_by [FFT-163]",
        ),
        (MERGE + ", lookback='3 days'", "lookback needs updated_at_column [FFT-163]"),
        (MERGE + ", updated_at_column='ts', lookback='three days'", "'three days' is not a time"),
        (
            "materialized='incremental', strategy='append', updated_at_column='ts', lookback='1 day'",
            "lookback cannot be used with strategy 'append': rows would be added twice [FFT-107]",
        ),
        (
            MERGE + ", incremental={'enabled': False}",
            "materialized='incremental' and incremental.enabled=false [FFT-107]",
        ),
        (MERGE + ", incremental={'unique_kye': 'id'}", "config(): unknown key 'unique_kye' in incremental [FFT-101]"),
        (MERGE + ", on_schema_change='append'", "config(): on_schema_change: unknown value 'append' [FFT-106]"),
        (
            "materialized='table', incremental={'unique_key': 'id'}",
            "it is materialized='table', but incremental by its block",
        ),
        ("on_schema_change='fail'", "'on_schema_change' has no effect on a model that is a table [FFT-107]"),
        ("materialized='snapshot', unique_key='id'", "a snapshot needs the block 'snapshot' [FFT-163]"),
        (
            "snapshot={'strategy': 'check', 'check_cols': 'all'}",
            "'snapshot' has no effect on a model that is a table [FFT-107]",
        ),
        (
            "materialized='snapshot', snapshot={'strategy': 'check', 'check_cols': 'all'}",
            "a snapshot needs unique_key [FFT-163]",
        ),
        (
            "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check'}",
            "strategy 'check' needs check_cols",
        ),
        (
            "materialized='snapshot', unique_key='id', snapshot={'strategy': 'timestamp'}",
            "needs updated_at: one column [FFT-163]",
        ),
    ],
)
def test_settings_that_do_not_fit_are_found_when_the_project_loads(shop: Bench, config: str, message: str) -> None:
    shop.write({"models/m.ff.sql": f"-- a model\n{{{{ config({config}) }}}}\n{QUERY}"})
    with pytest.raises(ProjectError) as caught:
        shop.reload()
    assert str(caught.value).startswith("models/m.ff.sql:2: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("decorator", "parameters", "message"),
    [
        ("", "*, this", "m() takes 'this', which only incremental models receive [FFT-142]"),
        ("materialized='incremental', unique_key='id'", "*, thsi", "m() has the unknown keyword-only parameter 'thsi'"),
        (
            "materialized='incremental', unique_key='id', delta_sql='select 1'",
            "",
            "delta_sql is for SQL models [FFT-107]",
        ),
    ],
)
def test_python_functions_ask_for_what_there_is(shop: Bench, decorator: str, parameters: str, message: str) -> None:
    code = f"from fft_core import model\n\n@model({decorator})\ndef m({parameters}):\n    ...\n"
    shop.write({"models/m.ff.py": code})
    with pytest.raises(ProjectError) as caught:
        shop.reload()
    assert f"models/m.ff.py:4: {message}" in str(caught.value)


def test_the_scope_of_a_check_needs_a_delta(shop: Bench) -> None:
    shop.model("", QUERY)
    shop.write({"project.yml": CHECKS % "{type: not_null, table: m, column: id, scope: delta}"})
    with pytest.raises(ProjectError, match="scope: delta: m is not an incremental model"):
        shop.reload()
