"""Checks that look at several tables: the build of the later one judges, and no circle is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

import dagster as dg
import pytest
from targets import Target
from written_projects import loaded, opened

from fft_core import CheckFailedError, Run
from fft_dagster import project_definitions

TABLES: dict[str, str] = {
    "seeds/raw.csv": "id,n\n1,10\n2,20\n",
    "seeds/known.csv": "id,n\n1,10\n2,20\n",
    "seeds/schema.yml": "columns: {raw: {id: integer, n: integer}, known: {id: integer, n: integer}}\n",
    "models/first.ff.sql": "select id, n from {{ ref('raw') }}",
    "models/middle.ff.sql": "{{ config(materialized='ephemeral') }} select id, n from {{ ref('first') }}",
    "models/later.ff.sql": "select id, n from {{ ref('middle') }}",
    "models/apart.ff.sql": "select 1 as id, 10 as n union all select 2, 20",
    "models/beside.ff.sql": "select 1 as id, 10 as n union all select 2, 20",
    "sources.yml": "version: 2\nsources:\n  - name: crm\n    tables: [{name: people}]\n",
    "tests/all_there.ff.sql": (
        "{{ config(type='all_there', params=['other']) }}\n"
        "select id from {{ table }} where id not in (select id from {{ ref('later') }})"
    ),
}
TOTALS = "left: {{table: {0}, expr: sum(n)}}, right: {{table: {1}, expr: sum(n)}}"
TYPES: Mapping[str, str] = {
    "reconcile_equal": "type: reconcile_equal, " + TOTALS,
    "reconcile_diff_within": "type: reconcile_diff_within, max_abs_diff: 1, " + TOTALS,
    "reconcile_ratio_within": "type: reconcile_ratio_within, min_ratio: 1, max_ratio: 1, " + TOTALS,
    "reconcile_coverage": "type: reconcile_coverage, source: {{table: {0}, key: id}}, target: {{table: {1}, key: id}}",
    "row_count_equals": "type: row_count_equals, table: {0}, to: {1}",
    "relationships": "type: relationships, table: {0}, column: id, to: {1}, field: id",
}
OF_BOTH_SIDES = sorted(set(TYPES) - {"relationships"})


def project(*tests: str) -> str:
    return "name: shop\nversion: '1'\ntests:\n" + "".join(f"  - {{{test}}}\n" for test in tests)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("left", "right"), [("first", "later"), ("later", "first"), ("raw", "later"), ("later", "raw")]
)
def test_the_later_in_the_graph_judges(tmp_path: Path, kind: str, left: str, right: str) -> None:
    shop = loaded(tmp_path, {**TABLES, "project.yml": project(TYPES[kind].format(left, right))})
    (check,) = shop.checks
    other = ({left, right} - {"later"}).pop()
    assert (check.node, check.rule.reads) == ("later", (other,))
    assert other in shop.waits_for("later")


@pytest.mark.parametrize("kind", TYPES)
def test_of_two_that_are_unrelated_the_right_one_waits_and_is_held_back(tmp_path: Path, kind: str) -> None:
    shop = loaded(tmp_path, {**TABLES, "project.yml": project(TYPES[kind].format("beside", "apart"))})
    (check,) = shop.checks
    waits, waited = ("beside", "apart") if kind == "relationships" else ("apart", "beside")
    assert (check.node, check.rule.reads, shop.waits_for(waits)) == (waits, (waited,), (waited,))
    order = [node.name for node in shop.stored()]
    assert order.index(waited) < order.index(waits)


@pytest.mark.parametrize("kind", OF_BOTH_SIDES)
@pytest.mark.parametrize(
    ("left", "right"), [("apart", "raw"), ("raw", "apart"), ("crm.people", "apart"), ("apart", "crm.people")]
)
def test_a_model_is_held_back_rather_than_a_seed_and_never_a_source(
    tmp_path: Path, kind: str, left: str, right: str
) -> None:
    (check,) = loaded(tmp_path, {**TABLES, "project.yml": project(TYPES[kind].format(left, right))}).checks
    assert check.node == "apart"


@pytest.mark.parametrize("kind", OF_BOTH_SIDES)
@pytest.mark.parametrize(("left", "right"), permutations(("apart", "shown")))
def test_of_a_view_and_a_table_that_are_unrelated_the_view_is_judged(
    tmp_path: Path, kind: str, left: str, right: str
) -> None:
    view = {"models/shown.ff.sql": "{{ config(materialized='view') }} select id, n from {{ ref('raw') }}"}
    files = {**TABLES, **view, "project.yml": project(TYPES[kind].format(left, right))}
    with opened(tmp_path, files) as shop:
        assert [check.node for check in shop.project.checks] == ["shown"]
        shop.build()


@pytest.mark.parametrize("kind", OF_BOTH_SIDES)
def test_of_two_seeds_the_right_one_waits(tmp_path: Path, kind: str) -> None:
    with opened(tmp_path, {**TABLES, "project.yml": project(TYPES[kind].format("raw", "known"))}) as shop:
        shop.build()
        assert [check.node for check in shop.project.checks] == ["known"]
        order = [node.name for node in shop.project.stored()]
        assert order.index("raw") < order.index("known")


@pytest.mark.parametrize("kind", TYPES)
def test_a_circle_of_two_checks_is_none(tmp_path: Path, kind: str) -> None:
    tests = [TYPES[kind].format("apart", "beside"), TYPES[kind].format("beside", "apart")]
    with opened(tmp_path, {**TABLES, "project.yml": project(*tests)}) as shop:
        (waits,) = {check.node for check in shop.project.checks}
        assert len(shop.project.checks) == 2
        (waited,) = {"apart", "beside"} - {waits}
        assert shop.project.waits_for(str(waits)) == (waited,)
        built = {str(result.relation).rpartition(".")[2]: result for result in shop.build()}
        assert [check.summary for check in built[str(waits)].checks] == ["passed", "passed"]


@pytest.mark.parametrize("kind", TYPES)
def test_a_circle_of_three_is_none(tmp_path: Path, kind: str) -> None:
    third = {"models/third.ff.sql": "select 1 as id, 10 as n union all select 2, 20"}
    pairs = [("apart", "beside"), ("beside", "third"), ("third", "apart")]
    tests = [TYPES[kind].format(*pair) for pair in pairs]
    with opened(tmp_path, {**TABLES, **third, "project.yml": project(*tests)}) as shop:
        assert {result.summary for built in shop.build() for result in built.checks} == {"passed"}
        project_definitions(shop.project).resolve_implicit_global_asset_job_def()  # a graph that Dagster can run


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("left", "right"), [("first", "later"), ("later", "first")])
def test_the_later_one_is_not_published_if_they_do_not_fit(
    tmp_path: Path, target: Target, kind: str, left: str, right: str
) -> None:
    with target.profile("shop.duckdb") as profiles:
        files = {**TABLES, "project.yml": project(TYPES[kind].format(left, right)), "profiles.yml": profiles}
        with opened(tmp_path, files) as shop:
            shop.build()
        files["models/later.ff.sql"] = "select id + 2 as id, n * 7 as n from {{ ref('middle') }} union all select 9, 9"
        with opened(tmp_path, files) as shop:
            with pytest.raises(CheckFailedError, match=r"later is not published: 1 check\(s\) failed") as raised:
                shop.build()
            assert [result.judged for result in raised.value.results] == ["staged"]
            assert sorted(shop.rows(f"select id from {shop.warehouse.relation('later')}")) == [(1,), (2,)]


def test_rows_of_the_other_table_are_counted_where_the_parent_is_judged(tmp_path: Path, target: Target) -> None:
    test = TYPES["relationships"].format("first", "later") + ', where: "n < 20", severity: warn'
    with target.profile() as profiles:
        files = {**TABLES, "project.yml": project(test), "profiles.yml": profiles}
        files["models/later.ff.sql"] = "select id + 2 as id, n as size from {{ ref('middle') }}"
        with opened(tmp_path, files) as shop:
            results = [check for built in shop.build() for check in built.checks]
            assert [(check.failing_rows, check.total, check.summary) for check in results] == [
                (1, 1, "1 of 1 rows fail")
            ]
            assert results[0].first_row == "id = 1, n = 10"


def test_a_custom_check_is_judged_with_what_it_mentions_if_that_is_later(tmp_path: Path, target: Target) -> None:
    with target.profile("shop.duckdb") as profiles:
        files = {**TABLES, "project.yml": project("type: all_there, table: first"), "profiles.yml": profiles}
        with opened(tmp_path, files) as shop:
            assert [(check.node, check.rule.reads) for check in shop.project.checks] == [("later", ("first",))]
            shop.build()
        files["models/later.ff.sql"] = "select id + 1 as id, n from {{ ref('middle') }}"
        said = r"later is not published: 1 check\(s\) failed: all_there: 1 found"
        with opened(tmp_path, files) as shop, pytest.raises(CheckFailedError, match=said):
            shop.build()


def test_a_seed_waits_for_a_model_that_its_check_looks_into(tmp_path: Path) -> None:
    files = {**TABLES, "project.yml": project(TYPES["relationships"].format("known", "apart"))}
    shop = loaded(tmp_path, files)
    order = [node.name for node in shop.stored()]
    assert order.index("apart") < order.index("known")
    with Run(shop) as run:
        for node in run.order():
            run.build(node)
    with Run(shop) as run:
        assert [(d.name, str(d.reasons[0])) for d in run.plan().decisions if d.name == "known"] == [
            ("known", "nothing changed")
        ]


def test_what_a_check_reads_is_shown_in_dagster(tmp_path: Path) -> None:
    tests = [TYPES["reconcile_equal"].format("apart", "beside"), TYPES["relationships"].format("first", "later")]
    definitions = project_definitions(loaded(tmp_path, {**TABLES, "project.yml": project(*tests)}))
    graph = definitions.resolve_asset_graph()
    assert dg.AssetKey("apart") in graph.get(dg.AssetKey("beside")).parent_keys
    spec = graph.get_check_spec(dg.AssetCheckKey(dg.AssetKey("later"), "relationships_id"))
    assert spec.metadata["reads"] == "first"
