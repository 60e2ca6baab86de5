"""A table that is rebuilt with equal rows keeps its version, and what is below is reused."""

from __future__ import annotations

from pathlib import Path

import pytest
from skip_helpers import built

BELOW = "select count(*) as n from {{ ref('parent') }}"
EQUAL = {
    "other_text": ("select 1 as a", "select 2 - 1 as a"),
    "other_order": ("select unnest([1, 2, 3]) as i", "select unnest([3, 1, 2]) as i"),
    "empty": ("select 1 as a where false", "select 2 as a where false"),
}
DIFFERENT = {
    "sorted_otherwise": ("select i from range(9) as r(i) order by i", "select i from range(9) as r(i) order by i desc"),
    "null_and_empty": ("select null::varchar as a", "select '' as a"),
    "null_and_its_name": ("select null::varchar as a", "select 'NULL' as a"),
    "swapped_between_rows": ("values (1, 'a'), (2, 'b')", "values (1, 'b'), (2, 'a')"),
    "swapped_between_columns": ("select 1 as a, 2 as b", "select 2 as a, 1 as b"),
    "repeated_rows": ("values (1), (1), (2)", "values (1), (2), (2)"),
    "more_of_the_same": ("values (1)", "values (1), (1)"),
    "type": ("select 1 as a", "select 1::bigint as a"),
    "scale": ("select 1.0::decimal(3, 1) as a", "select 1.00::decimal(4, 2) as a"),
    "type_of_nothing": ("select 1 as a where false", "select '1' as a where false"),
    "renamed_column": ("select 1 as a", "select 1 as b"),
    "case_of_a_column": ("select 1 as a", "select 1 as A"),
    "order_of_columns": ("select 1 as a, 1 as b", "select 1 as b, 1 as a"),
    "float": ("select 0.1::float as a", "select 0.10000001::float as a"),
    "double": ("select 0.1::double + 0.2 as a", "select 0.3::double as a"),
    "not_a_number": ("select 'nan'::double as a", "select 'inf'::double as a"),
    "list": ("select [1, 2] as a", "select [2, 1] as a"),
    "map": ("select map {'a': 1} as a", "select map {'a': 2} as a"),
    "struct": ("select {'x': 1} as a", "select {'x': 2} as a"),
    "time": ("select timestamp '2020-01-01' as a", "select timestamp '2020-01-01 00:00:00.000001' as a"),
    "case_of_text": ("select 'A' collate nocase as a", "select 'a' collate nocase as a"),
    "named_like_our_alias": ("select 1 as all_rows, 1 as b", "select 1 as all_rows, 2 as b"),
}
# hash() of DuckDB takes these rows for equal: the digest should hash the text of such columns
SEEN_AS_EQUAL = {
    "negative_zero": ("select 0.0::double as a", "select -0.0::double as a"),
    "interval": ("select interval 1 month as a", "select interval 30 days as a"),
    "empty_list": ("select []::int[] as a", "select null::int[] as a"),
    "list_of_null": ("select [null]::int[] as a", "select []::int[] as a"),
    "between_lists": ("select [1] as a, [2] as b", "select [1, 2] as a, []::int[] as b"),
    "nested_lists": ("select [[1], [2]] as a", "select [[1, 2]] as a"),
    "struct_of_null": ("select {'x': null::int} as a", "select null::struct(x int) as a"),
}


def write(cases: dict[str, tuple[str, str]], side: int) -> dict[str, str]:
    parents = {f"models/{name}.ff.sql": pair[side] for name, pair in cases.items()}
    below = {f"models/below_{name}.ff.sql": f"select count(*) as n from {{{{ ref('{name}') }}}}" for name in cases}
    return {**parents, **below}


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """What is built after all parents were edited at once."""
    cases = {**EQUAL, **DIFFERENT, **SEEN_AS_EQUAL}
    made = built(tmp_path_factory.mktemp("cutoff"), write(cases, 0))
    made.write(write(cases, 1))
    plan = {d.name: [r.kind for r in d.reasons] for d in made.plan().builds}
    assert all(plan[f"below_{name}"] == ["input_may_change"] for name in cases)
    outcome = made.build()
    assert set(cases) <= outcome.built
    assert not made.due()
    return outcome.built


@pytest.mark.parametrize("name", EQUAL)
def test_equal_rows_keep_what_is_below(rebuilt: frozenset[str], name: str) -> None:
    assert f"below_{name}" not in rebuilt


@pytest.mark.parametrize("name", DIFFERENT)
def test_rows_that_differ_rebuild_what_is_below(rebuilt: frozenset[str], name: str) -> None:
    assert f"below_{name}" in rebuilt


@pytest.mark.parametrize("name", SEEN_AS_EQUAL)
def test_rows_that_differ_only_in_what_hash_does_not_see(rebuilt: frozenset[str], name: str) -> None:
    assert f"below_{name}" in rebuilt


def test_it_says_so(tmp_path: Path) -> None:
    made = built(tmp_path, {"models/parent.ff.sql": "select 1 as a", "models/below.ff.sql": BELOW})
    made.write({"models/parent.ff.sql": "select 2 - 1 as a"})
    assert made.why("below") == "parent is built first; if its rows stay equal, this is reused"
    assert made.build().built == {"parent"}


def test_it_can_be_switched_off_for_a_model(tmp_path: Path) -> None:
    parent = "{{ config(early_cutoff=false) }} select VALUE as a"
    made = built(tmp_path, {"models/parent.ff.sql": parent.replace("VALUE", "1"), "models/below.ff.sql": BELOW})
    made.write({"models/parent.ff.sql": parent.replace("VALUE", "2 - 1")})
    assert made.due()["below"] == ["input_changed"]
    assert made.build().built == {"parent", "below"}
    assert not made.due()


def test_above_the_limit_rows_are_not_compared(tmp_path: Path) -> None:
    files = {
        "project.yml": "name: skips\nversion: '1'\nfingerprint: {digest_max_rows: 2}\n",
        "models/parent.ff.sql": "select i from range(3) as r(i)",
        "models/below.ff.sql": BELOW,
    }
    made = built(tmp_path, files)
    made.write({"models/parent.ff.sql": "select i from range(1 + 2) as r(i)"})
    assert made.build().built == {"parent", "below"}
    assert not made.due()


def test_another_query_of_a_view_rebuilds_what_is_below_and_the_same_query_does_not(tmp_path: Path) -> None:
    files = {
        "models/view.ff.sql": "{{ config(materialized='view') }} select a from {{ ref('parent') }}",
        "models/parent.ff.sql": "select 1 as a",
        "models/below.ff.sql": "select * from {{ ref('view') }}",
    }
    made = built(tmp_path, files)
    made.write({"models/parent.ff.sql": "select 2 - 1 as a"})
    assert made.due() == {"parent": ["code_changed"], "view": ["input_may_change"], "below": ["input_may_change"]}
    assert made.build().built == {"parent"}
    made.write({"models/view.ff.sql": "{{ config(materialized='view') }} select a + 1 as a from {{ ref('parent') }}"})
    assert made.build().built == {"view", "below"}


def test_a_dropped_table_that_comes_back_equal_keeps_what_is_below(tmp_path: Path) -> None:
    made = built(tmp_path, {"models/parent.ff.sql": "select 1 as a", "models/below.ff.sql": BELOW})
    made.sql("drop table parent")
    assert made.due() == {"parent": ["relation_missing"], "below": ["input_may_change"]}
    assert made.build().built == {"parent"}
