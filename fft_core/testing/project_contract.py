"""The levels of the contract that build projects: builds, checks, incremental, snapshot."""

from __future__ import annotations

import pytest

from fft_core.checks.results import CheckFailedError
from fft_core.errors import FftError, MissingRelationError, StatementError
from fft_core.testing.claims import level
from fft_core.testing.on_an_engine import OnAnEngine
from fft_core.testing.shop import BIG, BY_PYTHON, CHECKED, FAILING, PASSING, PROJECT_YML, SHOP, SOURCES, Rows, Shop


class BuildsContract(OnAnEngine):
    """Tests of projects that are built, reused and replaced."""

    @level("builds")
    def test_a_project_is_built_and_then_reused(self, shop: Shop) -> None:
        shop.write(SHOP)
        assert shop.build() == {"raw_orders", "orders", "big", "by_python"}
        assert shop.rows("orders", "id, amount") == [(1, 5), (2, 50), (3, 500)]
        assert shop.rows("big", "id") == [(2,), (3,)]
        assert shop.rows("by_python", "id, twice") == [(1, 10), (2, 100), (3, 1000)]
        assert shop.build() == set()

    @level("builds")
    def test_an_edit_builds_what_it_concerns(self, shop: Shop) -> None:
        shop.write(SHOP)
        shop.build()
        shop.write({"models/big.ff.sql": BIG.replace("10", "100")})
        assert shop.build() == {"big"}
        assert shop.rows("big", "id") == [(3,)]
        shop.write({"seeds/raw_orders.csv": "id,amount\n1,7\n"})
        assert shop.build() >= {"raw_orders", "orders", "by_python"}
        assert shop.rows("orders", "id, amount") == [(1, 7)]

    @level("builds")
    def test_a_source_is_read_again_when_its_rows_have_changed(self, shop: Shop) -> None:
        """The number of rows stays; if the engine cannot tell rows apart, a source counts as changed in every run."""
        shop.write({"sources.yml": SOURCES, "models/m.ff.sql": "select n from {{ source('by_others', 'raw') }}"})
        for number in (1, 2):
            with shop.opened() as run:
                engine = run.sessions.of_thread().engine
                raw, spelling = engine.relation("raw"), engine.spelling
                engine.create_schema(raw)
                with engine.turn():
                    if number > 1:
                        engine.execute(spelling.drop(raw, "table"))
                    engine.execute(spelling.create_as(raw, "table", f"select {number} as n", replaces=False))
            assert shop.build() == {"m"}
        assert shop.rows("m", "n") == [(2,)]

    @level("builds")
    def test_what_was_changed_by_hand_is_built_again(self, shop: Shop) -> None:
        shop.write(SHOP)
        shop.build()
        for statement in ("drop table {}", "alter table {} add column other integer"):
            with shop.opened() as run:
                engine, relation = run.sessions.of_thread().engine, run.sessions.of_thread().relation("by_python")
                engine.execute(statement.format(relation.sql(engine.spelling)))
            assert shop.build() == {"by_python"}
            assert shop.rows("by_python", "id, twice") == [(1, 10), (2, 100), (3, 1000)]

    @level("builds")
    def test_a_relation_of_another_kind_is_replaced(self, shop: Shop) -> None:
        for kind, number in (("table", 1), ("view", 2), ("table", 3), ("view", 4)):
            shop.write({"models/m.ff.sql": f"{{{{ config(materialized='{kind}') }}}} select {number} as n"})
            assert shop.build() == {"m"}
            assert shop.rows("m", "n") == [(number,)]
            assert shop.kind("m") == kind

    @level("builds")
    def test_a_model_that_fails_leaves_the_table_of_before(self, shop: Shop) -> None:
        shop.write({"models/m.ff.sql": "select 1 as n"})
        shop.build()
        shop.write({"models/m.ff.sql": "select nothing as n"})
        with pytest.raises(StatementError, match=r"m\.ff\.sql"):
            shop.build()
        assert shop.rows("m", "n") == [(1,)]
        assert shop.tables() == {"m"}

    @level("builds")
    def test_a_missing_input_is_named(self, shop: Shop) -> None:
        shop.write(SHOP)
        with pytest.raises(MissingRelationError, match="orders"):
            shop.build("big")

    @level("builds")
    def test_a_python_model_can_be_a_view(self, shop: Shop) -> None:
        shop.write({**SHOP, "models/by_python.ff.py": BY_PYTHON.replace(")\n", ", materialized='view')\n", 1)})
        shop.build()
        assert shop.rows("by_python", "id, twice") == [(1, 10), (2, 100), (3, 1000)]
        assert shop.kind("by_python") == "view"
        assert shop.build() == set()


class ChecksContract(OnAnEngine):
    """Tests of checks that judge rows before they are published."""

    @level("checks")
    def test_rows_that_fail_a_check_are_not_published(self, shop: Shop) -> None:
        check = "- {type: not_null, table: m, column: n}"
        shop.write({"project.yml": PROJECT_YML.format(check), "models/m.ff.sql": "select 1 as n"})
        shop.build()
        shop.write({"models/m.ff.sql": "select 2 as n union all select cast(null as integer)"})
        with pytest.raises(CheckFailedError, match="m is not published"):
            shop.build()
        assert shop.rows("m", "n") == [(1,)]
        assert shop.tables() == {"m"}

    @level("checks")
    def test_a_check_of_a_view_holds_back_what_it_reads(self, shop: Shop) -> None:
        check = "- {type: greater_equal, table: v, column: n, threshold: 0}"
        view = "{{ config(materialized='view') }} select n - 5 as n from {{ ref('m') }}"
        shop.write({"project.yml": PROJECT_YML.format(check), "models/m.ff.sql": "select 6 as n"})
        shop.write({"models/v.ff.sql": view})
        shop.build()
        shop.write({"models/m.ff.sql": "select 4 as n"})
        with pytest.raises(CheckFailedError, match="v"):
            shop.build()
        assert shop.rows("v", "n") == [(1,)]

    @level("checks")
    def test_each_kind_of_check_counts_right(self, shop: Shop) -> None:
        good = "\n".join(f"  - {{{check}, severity: warn}}" for check in PASSING)
        bad = "\n".join(f"  - {{{check}, severity: warn}}" for check in FAILING)
        shop.write({"project.yml": PROJECT_YML.format(f"{good}\n{bad}".strip()), **CHECKED})
        shop.build()
        with shop.opened() as run:
            found = [result.failing_rows for node in ("parent", "child") for result in run.check(node)]
        assert sorted(found) == sorted([0] * len(PASSING) + [1] * len(FAILING))


class IncrementalContract(OnAnEngine):
    """Tests of increments with each strategy."""

    @level("incremental")
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ("strategy='append'", [(1, 1), (2, 1), (2, 2), (3, 2)]),
            ("unique_key='id'", [(1, 1), (2, 2), (3, 2)]),
            ("unique_key='id', strategy='delete_insert'", [(1, 1), (2, 2), (3, 2)]),
            ("strategy='insert_overwrite', partition_by='v'", [(1, 1), (2, 1), (2, 2), (3, 2)]),
        ],
        ids=["append", "merge", "delete_insert", "insert_overwrite"],
    )
    def test_increments_are_applied(self, shop: Shop, config: str, expected: Rows) -> None:
        shop.increments(config, [(1, 1), (2, 1)], [(2, 2), (3, 2)])
        assert shop.rows("m", "id, v") == expected
        assert shop.build() == set()

    @level("incremental")
    def test_an_increment_that_fails_leaves_the_table_of_before(self, shop: Shop) -> None:
        with pytest.raises(FftError, match="occur more than once"):
            shop.increments("unique_key='id'", [(1, 1)], [(2, 2), (2, 3)])
        assert shop.rows("m", "id, v") == [(1, 1)]

    @level("incremental")
    def test_new_columns_are_added(self, shop: Shop) -> None:
        shop.increments("unique_key='id', on_schema_change='append_new_columns'", [(1, 1)], [(1, 1)])
        query = "select id, v, v + 1 as w from {{ ref('rows') }}"
        config = "{{ config(materialized='incremental', unique_key='id', on_schema_change='append_new_columns') }}"
        shop.write({"seeds/rows.csv": "id,v\n2,2\n", "models/m.ff.sql": f"{config}\n{query}"})
        shop.build()
        assert shop.rows("m", "id, v, w") in ([(1, 1, None), (2, 2, 3)], [(2, 2, 3)])  # a new text may rebuild it


class SnapshotContract(OnAnEngine):
    """Tests of snapshots."""

    @level("snapshot")
    def test_the_versions_of_rows_are_kept(self, shop: Shop) -> None:
        config = "unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all', 'hard_deletes': 'invalidate'}"
        shop.increments(config, [(1, 1), (2, 1)], [(2, 2), (3, 2)], kind="snapshot")
        found = shop.rows("m", "id, v, case when _ff_is_current then 1 else 0 end")
        assert found == [(1, 1, 0), (2, 1, 0), (2, 2, 1), (3, 2, 1)]
        ended = "select count(*) from {} where _ff_valid_to is null and not _ff_is_current"
        assert shop.fetch(ended, "m") == [(0,)]
