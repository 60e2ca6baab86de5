"""What models say and what relations hold is compared between two environments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_helpers import called_fft
from two_environments import KINDS, Environments, environments, of_kind

from fft_core import open_warehouse
from fft_core.operations.clone import clone
from fft_core.operations.compare_rows import Comparison, Tolerance
from fft_core.operations.diff import Asked, Difference, NodeRows, diff
from fft_core.reports.diff import diff_json, diff_markdown

FILES = {
    "project.yml": """\
        name: shop
        version: '1'
        tests:
          - {type: unique, table: people, column: id}
          - {type: not_null, table: people, column: id, where: "id > 0"}
        """,
    "models/people.ff.sql": "select * from {{ ref('rows') }}",
    "seeds/rows.csv": "id,name,size\n1,ann,1.5\n2,bob,2.5\n3,cyd,\n",
}


@pytest.fixture(params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environments]:
    for made in of_kind(request, tmp_path):
        (made.root / "models").rename(made.root / "others")
        made.write(FILES)
        (made.root / "seeds/raw_users.csv").unlink()
        yield made


def compared(both: Environments, *names: str, definitions: bool = True, data: bool = True, **how: Any) -> Difference:
    with open_warehouse(both.load(), read_only=True) as warehouse:
        asked = Asked(frozenset(names) or None, definitions, data, Comparison(**how))
        return diff(warehouse, "prod", asked)


def node(found: Difference, name: str) -> NodeRows:
    return next(node for node in found.nodes or () if node.name == name)


def rows_of(found: Difference, name: str = "people") -> Any:
    rows = node(found, name).rows
    assert rows is not None
    return rows


def model(both: Environments, env: str, *selects: str) -> None:
    """Build `people` from these queries in one environment."""
    both.write({"models/people.ff.sql": "\nunion all ".join(selects)})
    both.build("people", env=env, defer="")


def test_equal_environments_do_not_differ(both: Environments) -> None:
    both.build(env="prod")
    before = both.state("prod")
    both.build(defer="")
    found = compared(both)
    assert (found.definitions, found.gone, found.rows_differ) == ((), (), False)
    assert {n.name: n.presence for n in found.nodes or ()} == {"rows": "both", "people": "both"}
    assert node(found, "rows").rows is not None  # it was loaded at another time
    assert both.state("prod") == before


def test_rows_of_one_version_are_not_read(both: Environments) -> None:
    both.build(env="prod")
    with open_warehouse(both.load()) as warehouse:
        assert [one.outcome for one in clone(warehouse, "prod")] == ["copied", "copied"]
    assert [(node.name, node.rows) for node in compared(both).nodes or ()] == [("rows", None), ("people", None)]


def test_rows_are_compared_by_the_key_of_a_check(both: Environments) -> None:
    both.build(env="prod")
    both.write({"seeds/rows.csv": "id,name,size\n1,ann,1.5\n2,BOB,2.75\n4,dan,\n"})
    both.build(defer="")
    found = compared(both)
    assert [d.name for d in found.definitions or ()] == ["rows"]
    rows = rows_of(found)
    assert (rows.key, rows.here, rows.there, rows.only_here, rows.only_there, rows.changed) == (("id",), 3, 3, 1, 1, 1)
    assert rows.changed_by_column == (("name", 1), ("size", 1))
    (changed,) = rows.rows_changed
    assert (changed.key, [name for name, *_ in changed.values]) == ((2,), ["name", "size"])
    assert changed.values[0] == ("name", "bob", "BOB")
    assert [row[:2] for row in rows.rows_here] == [(4, "dan")]
    assert [row[:2] for row in rows.rows_there] == [(3, "cyd")]
    assert found.rows_differ is True
    none = rows_of(compared(both, samples=0))
    assert (none.rows_here, none.rows_there, none.rows_changed) == ((), (), ())
    assert (none.only_here, none.changed) == (1, 1)


def test_when_a_seed_was_loaded_is_no_difference(both: Environments) -> None:
    both.build(env="prod")
    both.build(defer="")
    both.build(env="prod", rebuild=("rows",))
    both.sql("prod", _set(both, "prod", "rows", "_ff_loaded_at = null"))
    assert not node(compared(both, "rows"), "rows").differ


def _set(both: Environments, env: str, name: str, what: str) -> str:
    with open_warehouse(both.load(env), read_only=True) as warehouse:
        return f"update {warehouse.relation(name).sql(warehouse.engine.spelling)} set {what}"


@pytest.mark.parametrize(
    ("tolerance", "changed"),
    [
        (Tolerance(), 4),
        (Tolerance(0.01), 3),
        (Tolerance(0.5), 2),
        (Tolerance(0.01, is_share=True), 2),
        (Tolerance(0.5, is_share=True), 1),
    ],
)
def test_numbers_may_differ_by_a_tolerance(both: Environments, tolerance: Tolerance, changed: int) -> None:
    """By 0.005 of 10, 0.4 of 100, 0.75 of 2, and something from nothing."""
    select = "select {} as id, cast({} as double precision) as size"
    model(both, "prod", *(select.format(i, n) for i, n in enumerate(("10", "100", "2", "null"))))
    model(both, "dev", *(select.format(i, n) for i, n in enumerate(("10.005", "100.4", "2.75", "1"))))
    assert rows_of(compared(both, tolerance=tolerance)).changed == changed


def test_whole_numbers_of_any_size_are_compared(both: Environments) -> None:
    model(both, "prod", f"select 1 as id, cast({2**63 - 1} as bigint) as size")
    model(both, "dev", f"select 1 as id, cast(-{2**63 - 2} as bigint) as size")
    assert rows_of(compared(both, tolerance=Tolerance(1.0))).changed == 1
    model(both, "dev", f"select 1 as id, cast({2**63 - 2} as bigint) as size")
    assert rows_of(compared(both)).changed == 1


def test_keys_with_null_are_compared_too(both: Environments) -> None:
    model(both, "prod", "select 1 as id, 'a' as name", "select null, 'b'")
    model(both, "dev", "select 1 as id, 'a' as name", "select null, 'c'")
    rows = rows_of(compared(both))
    assert (rows.only_here, rows.only_there, rows.changed) == (0, 0, 1)


def test_without_a_key_rows_count_as_often_as_they_are_there(both: Environments) -> None:
    both.write({"project.yml": "name: shop\nversion: '1'\n"})
    model(both, "prod", "select 1 as id, 'a' as name", "select 1, 'a'", "select 2, null")
    model(both, "dev", "select 1 as id, 'a' as name", "select 2, null", "select 2, null")
    rows = rows_of(compared(both))
    assert (rows.key, rows.only_here, rows.only_there, rows.changed) == ((), 1, 1, 0)
    assert (rows.rows_here, rows.rows_there) == (((2, None),), ((1, "a"),))
    assert "id" in rows_of(compared(both, key=("id",))).note  # several rows share it
    assert "nothing" in rows_of(compared(both, key=("nothing",))).note
    model(both, "prod", "select 1 as id, 'a' as name")
    model(both, "dev", "select 1 as id, 'b' as name")
    assert rows_of(compared(both, key=("ID",))).changed == 1
    assert not compared(both, key=("id",), ignored=("NAME",)).rows_differ


def test_the_key_of_an_incremental_model_and_of_a_snapshot_is_theirs(both: Environments) -> None:
    both.write({"project.yml": "name: shop\nversion: '1'\n"})
    config = "{{ config(materialized='incremental', unique_key=['id']) }} "
    snapshot = (
        "{{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}) }} "
    )
    for env, name in (("prod", "a"), ("dev", "b")):
        both.write({"models/history.ff.sql": f"{snapshot}select 1 as id, '{name}' as name"})
        model(both, env, f"{config}select 1 as id, '{name}' as name")
        both.build("history", env=env, defer="")
    found = compared(both)
    assert (rows_of(found).key, rows_of(found).changed) == (("id",), 1)
    assert rows_of(found, "history").key == ("id", "_ff_valid_from")


def test_columns_that_one_side_has_and_other_types_are_told(both: Environments) -> None:
    model(both, "prod", "select 1 as id, cast(5 as integer) as size, 'x' as old, 7 as kind")
    model(both, "dev", "select 1 as id, cast(5 as bigint) as size, 'y' as fresh, '7' as kind")
    found = compared(both)
    rows = rows_of(found)
    assert ([c.name for c in rows.columns_here], [c.name for c in rows.columns_there]) == (["fresh"], ["old"])
    assert [name for name, *_ in rows.types] == ["size", "kind"]
    assert found.rows_differ is False  # the values are those of before
    text = diff_markdown(found)
    assert "only here: fresh" in text
    assert "only there: old" in text


def test_values_without_an_equality_are_compared(both: Environments) -> None:
    value = "'{{\"a\": {}}}'::json" if both.engine == "postgres" else "{{'a': {}}}"
    for env, number in (("prod", 1), ("dev", 2)):
        model(both, env, f"select 1 as id, {value.format(number)} as v", f"select 2, {value.format(3)}")
    assert rows_of(compared(both)).changed == 1
    both.write({"project.yml": "name: shop\nversion: '1'\n"})
    rows = rows_of(compared(both))
    assert (rows.only_here, rows.only_there) == (1, 1)


def test_personal_values_are_shown_nowhere(both: Environments) -> None:
    both.write(
        {
            "models/schema.yml": """\
            version: 2
            models:
              - name: people
                columns:
                  - {name: Name, meta: {pii: true}}
                  - {name: mail, tags: [pii]}
            """,
            "models/names.ff.sql": "select id, name from {{ ref('people') }}",
        }
    )
    select = "select 1 as id, 'secret-{0}' as name, 'mail-{0}' as mail, '{0}' as open"
    model(both, "prod", select.format("a"), "select 5, 'secret-c', null, 'c'")
    both.build("names", env="prod", defer="")
    model(both, "dev", select.format("b"), "select 6, 'secret-d', 'mail-d', 'd'")
    both.build("names", defer="")
    found = compared(both, key=("id",))
    for text in (json.dumps(diff_json(found)), diff_markdown(found), repr(found.nodes)):
        assert "secret-" not in text
        assert "mail-" not in text
    rows = rows_of(found)
    assert rows.rows_changed[0].values == (
        ("name", "***", "***"), ("mail", "***", "***"), ("open", "a", "b"),
    )  # fmt: skip
    assert rows.rows_there == ((5, "***", None, "c"),)
    assert compared(both, key=("name",)).rows_differ  # a key can be personal
    assert "secret-" not in diff_markdown(compared(both, key=("name",)))


def test_what_one_side_lacks_is_told_and_is_no_difference_of_rows(both: Environments) -> None:
    both.build(env="prod")
    both.write({"models/fresh.ff.sql": "select 1 as one", "models/never.ff.sql": "select 2 as two"})
    both.build("fresh", defer="")
    found = compared(both)
    assert {n.name: n.presence for n in found.nodes or ()} == {
        "rows": "only there", "people": "only there", "fresh": "only here", "never": "nowhere",
    }  # fmt: skip
    assert {d.name: [reason.kind for reason in d.reasons] for d in found.definitions or ()} == {
        "fresh": ["never_built"], "never": ["never_built"],
    }  # fmt: skip
    assert found.rows_differ is False
    (both.root / "models/people.ff.sql").unlink()
    both.write({"project.yml": "name: shop\nversion: '1'\n"})
    assert compared(both).gone == ("people",)


def test_definitions_are_told_with_their_reasons_and_other_data_is_not_one(both: Environments) -> None:
    both.write({"models/reader.ff.sql": "select * from {{ ref('people') }}"})
    both.build(env="prod")
    both.write({"models/people.ff.sql": "{{ config(materialized='view') }} select id, 1 as b from {{ ref('rows') }}"})
    found = compared(both, data=False)
    assert {d.name: [reason.kind for reason in d.reasons] for d in found.definitions or ()} == {
        "people": ["code_changed", "config_changed"]
    }
    assert found.nodes is None
    assert compared(both, definitions=False).definitions is None


def test_the_command_ends_with_3_if_rows_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fft(*arguments: str) -> Any:
        return called_fft(("diff", *arguments, str(tmp_path)), monkeypatch, capfd)

    with environments("second file", tmp_path, None, FILES) as both:
        assert "the file does not exist" in fft("--against", "prod").err
        both.build(env="prod")
        both.build(defer="")
        same = fft("--against", "prod")
        assert (same.code, same.lines) == (
            0,
            ["models that differ from prod: 0", "rows, compared with prod: 2 of 2 equal"],
        )
        both.write({"models/people.ff.sql": "select id, name, size as size from {{ ref('rows') }} where 1 = 1"})
        assert fft("--against", "prod").code == 0
        both.write(
            {"models/people.ff.sql": "select id, upper(name) as name, size + 0.001 as size from {{ ref('rows') }}"}
        )
        both.build(defer="")
        differs = fft("--against", "prod", "--tolerance", "0.01")
        assert differs.code == 3
        assert differs.lines == [
            "models that differ from prod: 1",
            "people its SQL changed",
            "rows, compared with prod: 1 of 2 equal",
            "people: 3 rows there, 3 here (by id)",
            "0 only there, 0 only here, 3 changed",
            "name: 3 changed",
            "only there: _ff_seed_id, _ff_seed_file",
            *differs.lines[7:],
        ]
        assert any(line == "~ 1: name: 'ann' -> 'ANN'" for line in differs.lines)
        assert fft("--against", "prod", "--ignore", "name", "--tolerance", "1%").code == 0
        assert fft("--against", "prod", "--definitions").code == 0
        assert json.loads(fft("--against", "prod", "--data", "--format", "json").out)["rows_differ"] is True
        markdown = fft("--against", "prod", "--format", "markdown", "--select", "people")
        assert "| people | 3 | 3 | 0 | 0 | 3 | name: 3 changed, size: 2 changed" in markdown.out
        for wrong in (("--tolerance", "a"), ("--tolerance", "-1"), ("--tolerance", "nan%"), ("--format", "xml")):
            assert fft("--against", "prod", *wrong).code == 2
        assert fft("--against", "dev").code == 2
        assert fft("--against", "prdo").code == 2
        assert fft().code == 2
