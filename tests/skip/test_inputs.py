"""What a model reads: seeds by content, sources by version, parents by what was published."""

from __future__ import annotations

import builtins
from pathlib import Path

import pytest
from skip_helpers import CSV, EVENTS, READS_EVENTS, SOURCES, Place, built, place
from world import run

from fft_core import StateError

READERS = {
    "sources.yml": SOURCES,
    "models/reader.ff.sql": READS_EVENTS,
    "models/below.ff.sql": "select count(*) as n from {{ ref('reader') }}",
    "models/other.ff.sql": "select 1 as a",
}


def with_version(version: str) -> dict[str, str]:
    table = f"{{name: events, data_version: {version}}}"
    return {**READERS, "sources.yml": f"version: 2\nsources:\n  - name: raw\n    tables: [{table}]\n"}


def test_a_seed_counts_by_its_content(tmp_path: Path) -> None:
    files = {"seeds/users.csv": CSV, "models/reader.ff.sql": "select * exclude (_ff_loaded_at) from {{ ref('users') }}"}
    made = built(tmp_path, {**files, "models/other.ff.sql": "select 1 as a"})
    (tmp_path / "seeds/users.csv").touch()
    assert not made.due()
    made.write({"seeds/users.csv": CSV + "3,cid\n"})
    assert made.due() == {"users": ["code_changed"], "reader": ["input_changed"]}
    assert made.build().built == {"users", "reader"}
    made.write({"seeds/users.csv": CSV})
    assert set(made.due()) == {"users", "reader"}


def test_how_the_file_of_a_seed_is_written_counts(tmp_path: Path) -> None:
    made = built(tmp_path, {"seeds/users.csv": CSV, "models/reader.ff.sql": "select id from {{ ref('users') }}"})
    for said in ("{null_values: ['1']}", "{null_values: ['2']}", "{quote: none}", "{encoding: latin-1}", "{}"):
        made.write({"seeds/schema.yml": f"files: {{users: {said}}}\n"})
        assert made.due() == {"users": ["config_changed"], "reader": ["input_changed"]}
        assert made.why("users") == "its config changed: file"
        made.build()
        assert not made.due()
    made.write({"seeds/schema.yml": "files: {users: {delimiter: ','}}\n"})  # what it was anyway, but said
    assert set(made.due()) == {"users", "reader"}


def test_another_rule_for_types_builds_a_seed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"seeds/users.csv": CSV, "seeds/query.sql": "select 1 as id", "models/other.ff.sql": "select 1 as a"}
    made = built(tmp_path, files)
    monkeypatch.setattr("fft_core.compile.identity.READER_VERSION", "of another time")
    assert made.due() == {"users": ["config_changed"]}
    assert made.why("users") == "its config changed: reader"
    made.build()
    assert not made.due()


def test_the_types_of_a_seed_count(tmp_path: Path) -> None:
    made = built(tmp_path, {"seeds/users.csv": CSV, "models/reader.ff.sql": "select id from {{ ref('users') }}"})
    made.write({"seeds/schema.yml": "columns: {users: {id: string}}\n"})
    assert set(made.due()) == {"users", "reader"}


@pytest.mark.parametrize(
    "change",
    [
        "insert into events values (2, 'b')",
        "update events set name = 'b'",
        "delete from events",
        "update events set name = null",
        "update events set name = ''",
        "alter table events alter id type bigint",
        "alter table events rename name to label; alter table events add column name varchar",
        "insert into events select * from events",
    ],
)
def test_any_change_of_a_source_rebuilds_its_readers(tmp_path: Path, change: str) -> None:
    made = built(tmp_path, READERS, EVENTS)
    assert not made.due()
    made.sql(change)
    assert made.due()["reader"] == ["source_changed"]
    assert "other" not in made.due()
    assert "reader" in made.build().built
    assert not made.due()


def test_the_same_rows_in_another_order_are_the_same_source(tmp_path: Path) -> None:
    rows = "select i as id, 'n' || i as name from range({}) as r(i) order by i {}"
    made = built(tmp_path, READERS, f"create table events as {rows.format(500, 'asc')}")
    made.sql(f"create or replace table events as {rows.format(500, 'desc')}")
    assert not made.due()
    made.sql("delete from events where id < 250", "insert into events select i, 'n' || i from range(250) as r(i)")
    assert not made.due()


def test_a_missing_source_counts_as_changed(tmp_path: Path) -> None:
    made = built(tmp_path, READERS, EVENTS)
    made.sql("drop table events")
    assert made.due()["reader"] == ["source_unversioned"]
    assert made.build().failed == {"reader", "below"}
    made.sql(EVENTS)
    assert not made.due()


def test_a_source_above_the_limit_counts_as_changed(tmp_path: Path) -> None:
    made = built(tmp_path, with_version("{digest_max_rows: 2}"), EVENTS)
    assert not made.due()
    made.sql("insert into events values (2, 'b'), (3, 'c')")
    made.build()
    assert made.due()["reader"] == ["source_unversioned"]
    assert made.why("reader") == "source raw.events has no known version, so it counts as changed"


def test_the_limit_of_the_project(tmp_path: Path) -> None:
    settings = "name: skips\nversion: '1'\nfingerprint: {digest_max_rows: 0}\n"
    made = built(tmp_path, {**READERS, "project.yml": settings}, EVENTS)
    assert made.due()["reader"] == ["source_unversioned"]


def test_a_source_without_a_version_counts_as_changed_and_equal_rows_keep_what_is_below(tmp_path: Path) -> None:
    made = built(tmp_path, with_version("none"), EVENTS)
    assert made.due() == {"reader": ["source_unversioned"], "below": ["input_may_change"]}
    assert made.build().built == {"reader"}


def test_a_declared_column_is_the_version(tmp_path: Path) -> None:
    made = built(tmp_path, with_version("{loaded_at_field: id}"), EVENTS)
    made.sql("update events set name = 'unseen'")
    assert not made.due()
    made.sql("insert into events values (2, 'b')")
    assert made.due()["reader"] == ["source_changed"]
    made.build()
    made.sql("delete from events where id = 1")  # the largest value stays, the number of rows does not
    assert made.due()["reader"] == ["source_changed"]


def test_a_declared_query_is_the_version(tmp_path: Path) -> None:
    made = built(
        tmp_path, with_version("{query: select version from loads}"), EVENTS, "create table loads(version int)"
    )
    made.sql("insert into events values (2, 'b')")
    assert not made.due()
    made.sql("insert into loads values (1)")
    assert made.due()["reader"] == ["source_changed"]


def test_another_declaration_of_the_version_counts_once(tmp_path: Path) -> None:
    made = built(tmp_path, with_version("{query: select 1}"), EVENTS)
    made.sql("insert into events values (2, 'b')")
    made.write(with_version("{query: select 1 as better}"))
    assert made.due()["reader"] == ["source_changed"]


def test_a_declared_version_that_fails_is_an_error_with_its_place(tmp_path: Path) -> None:
    made = built(tmp_path, READERS, EVENTS)
    made.write(with_version("{loaded_at_field: nothing}"))
    with pytest.raises(Exception, match=r"sources\.yml:4: the version of source raw\.events cannot be read"):
        made.plan()


def test_another_table_behind_a_source_rebuilds(tmp_path: Path) -> None:
    made = built(tmp_path, READERS, EVENTS)
    made.sql("create table events_2 as select * from events")
    made.write(
        {"sources.yml": "version: 2\nsources:\n  - name: raw\n    tables: [{name: events, identifier: events_2}]\n"}
    )
    assert made.due()["reader"] == ["source_changed"]


def test_a_source_may_be_a_view(tmp_path: Path) -> None:
    view = "create view events as select * from behind"
    made = built(tmp_path, READERS, "create table behind as select 1 as id, 'a' as name", view)
    assert not made.due()
    made.sql("update behind set name = 'b'")
    assert made.due()["reader"] == ["source_changed"]


def test_a_source_that_a_seed_fills_is_that_seed(tmp_path: Path) -> None:
    files = {"sources.yml": SOURCES, "seeds/events.csv": CSV, "models/reader.ff.sql": READS_EVENTS}
    made = built(tmp_path, files)
    assert not made.due()
    made.write({"seeds/events.csv": CSV + "3,cid\n"})
    assert made.due() == {"events": ["code_changed"], "reader": ["input_changed"]}


def test_a_source_by_a_column_named_like_our_alias(tmp_path: Path) -> None:
    reads = {"models/reader.ff.sql": "select * from {{ source('raw', 'events') }}"}
    table = "create or replace table events as select 1 as all_rows, {} as id, 'a' as name"
    made = built(tmp_path, {**READERS, **reads}, table.format(1))
    made.sql(table.format(2))
    assert made.due()["reader"] == ["source_changed"]


MODEL_THAT_INSERTS = """\
from fft_core import model, source
from pathlib import Path

@model(name="reader", deps=[source("raw", "events")], volatile=False)
def build(events):
    arrive = Path(__file__).parents[1] / "arrive"
    if arrive.exists():
        ARRIVING[0]()
        arrive.unlink()
    return events
"""


def test_rows_that_arrive_while_a_model_is_built_rebuild_it_next_time(tmp_path: Path) -> None:
    files = {"sources.yml": SOURCES, "models/reader.ff.py": MODEL_THAT_INSERTS, "arrive": ""}
    made = place(tmp_path, files)
    made.sql(EVENTS)
    with made.opened() as warehouse, warehouse.session() as other:
        arriving = [lambda: other.engine.fetch("insert into events values (2, 'late')")]
        builtins.ARRIVING = arriving  # type: ignore[attr-defined]
        try:
            assert run(warehouse).built == {"reader"}
        finally:
            del builtins.ARRIVING  # type: ignore[attr-defined]
    assert made.sql("select count(*) from reader") == [(1,)]
    assert made.due() == {"reader": ["source_changed"]}
    made.build()
    assert made.sql("select count(*) from reader") == [(2,)]
    assert not made.due()


def test_a_helper_edited_while_a_run_imports_it_rebuilds_what_was_built_with_the_old_one(tmp_path: Path) -> None:
    edits = "import pathlib\npathlib.Path(__file__).parents[1].joinpath('lib.py').write_text('A = 2')\n"
    head = "from fft_core import model\nfrom lib import A\n"
    text = head + "{}\n@model(deps=['users'])\ndef build(users):\n    return users.assign(a=A)\n"
    files = {
        "seeds/users.csv": CSV,
        "lib.py": "A = 1\n",
        "models/a_first.ff.py": text.format(edits),
        "models/b_second.ff.py": text.format(""),
    }
    made = place(tmp_path, files)
    made.build()
    assert made.sql("select distinct a from b_second") == [(1,)]
    assert made.due()["b_second"] == ["code_changed"]


# --- partial selections -----------------------------------------------------------------------------------------------


def chain(tmp_path: Path) -> Place:
    return built(
        tmp_path,
        {
            "models/a.ff.sql": "select 1 as x",
            "models/b.ff.sql": "select * from {{ ref('a') }}",
            "models/c.ff.sql": "select * from {{ ref('b') }}",
        },
    )


def test_a_parent_outside_of_the_selection_counts_as_published(tmp_path: Path) -> None:
    made = chain(tmp_path)
    made.write({"models/a.ff.sql": "select 2 as x"})
    assert not made.due("c")
    assert made.build("a").built == {"a"}
    assert made.due("c") == {}
    assert made.due("b") == {"b": ["input_changed"]}
    assert made.due() == {"b": ["input_changed"], "c": ["input_may_change"]}
    assert made.build().built == {"b", "c"}


def test_a_parent_that_was_changed_by_hand_has_no_version(tmp_path: Path) -> None:
    made = chain(tmp_path)
    made.sql("create or replace table a as select 7 as x")
    assert made.due("b") == {"b": ["input_changed"]}
    (decision,) = made.plan("b").decisions
    assert [str(reason) for reason in decision.reasons] == ["a was changed since its last build"]


def test_state_that_cannot_be_read_stops_a_build_too(tmp_path: Path) -> None:
    made = chain(tmp_path)
    made.sql("alter table _ff_meta drop column parts")
    with pytest.raises(StateError):
        made.plan("c")
