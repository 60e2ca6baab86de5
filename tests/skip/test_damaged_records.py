"""The tables of the records are damaged in many ways: nothing is skipped wrongly, and there is a way out of each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from fft_process import run_process
from targets import Target
from world import run

from fft_core import Request, StateError, load_project, make_plan, open_warehouse
from fft_core.operations.forget import forget_all_builds

FILES = {
    "project.yml": "name: damaged\nversion: '1'\n",
    "seeds/users.csv": "id,name\n1,ann\n2,bob\n",
    "models/t.ff.sql": "select id, name from {{ ref('users') }}",
    "models/v.ff.sql": "{{ config(materialized='view') }} select id from {{ ref('t') }}",
}


@dataclass
class Damaged:
    root: Path

    def fft(self, *arguments: str) -> CompletedProcess[str]:
        return run_process(sys.executable, "-m", "fft_cli", *arguments, self.root)

    def sql(self, *statements: str) -> None:
        project = load_project(self.root, environment={})
        with open_warehouse(project) as warehouse:
            engine = warehouse.engine
            meta, migrations = (engine.relation(n).sql(engine.spelling) for n in ("_ff_meta", "_ff_migrations"))
            for statement in statements:
                engine.execute(statement.format(meta=meta, migrations=migrations))

    def build(self) -> set[str]:
        """Build what is due; return what failed."""
        project = load_project(self.root, environment={})
        with open_warehouse(project) as warehouse:
            return set(run(warehouse, None, Request()).failed)

    def forget(self) -> None:
        with open_warehouse(load_project(self.root, environment={})) as warehouse:
            forget_all_builds(warehouse)

    def due(self) -> set[str]:
        project = load_project(self.root, environment={})
        with open_warehouse(project, read_only=True) as warehouse:
            return {decision.name for decision in make_plan(warehouse).builds}


@pytest.fixture
def damaged(tmp_path: Path, target: Target) -> Iterator[Damaged]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with target.profile("d.duckdb") as profile:
        (tmp_path / "profiles.yml").write_text(profile)
        place = Damaged(tmp_path)
        assert place.build() == set()
        yield place


RESTORED_IN_PART = {
    "records": ("drop table {meta}",),
    "migrations": ("drop table {migrations}",),
    "both": ("drop table {meta}", "drop table {migrations}"),
    "no migrations in the table": ("delete from {migrations}",),
    "no records in the table": ("delete from {meta}",),
}


@pytest.mark.parametrize("what", RESTORED_IN_PART)
def test_tables_that_are_not_there_are_made_again(damaged: Damaged, what: str) -> None:
    damaged.sql(*RESTORED_IN_PART[what])
    if what != "no migrations in the table":
        assert damaged.due() == {"users", "t", "v"}
    assert damaged.build() == set()
    assert damaged.due() == set()


UNREADABLE = {
    **{
        f"no {column}": f"alter table {{meta}} drop column {column}"
        for column in (
            "node_name relation fingerprint engine built_at data_version stamp row_count checks run_id parts".split()
            + "project environment relation_path attached measures".split()
        )
    },
    "built_at null": "update {meta} set built_at = null",
    "node_name null": "update {meta} set node_name = null where node_name = 't'",
    "built_at text": "alter table {meta} alter column built_at type varchar",
    "row_count text": "alter table {meta} alter column row_count type varchar",
    "attached": "update {meta} set attached = '[[1]]'",
    "relation_path": "update {meta} set relation_path = '3'",
    "no number": "alter table {migrations} rename column number to n",
    "number text": "alter table {migrations} alter column number type varchar",
}


def test_a_record_without_a_place_is_read(damaged: Damaged) -> None:
    """One that is written again from an older one has none."""
    damaged.sql("update {meta} set relation_path = 'null'")
    assert damaged.due() == set()


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_an_error_that_says_what_to_do(damaged: Damaged, what: str) -> None:
    damaged.sql(UNREADABLE[what])
    with pytest.raises(StateError, match=r"cache clear --all"):
        damaged.due()
    assert damaged.build() == {"users", "t", "v"}
    damaged.forget()
    assert damaged.due() == {"users", "t", "v"}
    assert damaged.build() == set()
    assert damaged.due() == set()


def test_the_commands_say_so_and_heal_it(damaged: Damaged) -> None:
    damaged.sql(UNREADABLE["no fingerprint"])
    for command in ("plan", "build"):
        ended = damaged.fft(command)
        assert ended.returncode == 1
        assert "cache clear --all" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert "seed 'users'" not in ended.stderr
    cleared = damaged.fft("cache", "clear", "--all")
    assert (cleared.returncode, cleared.stdout) == (0, "all build records are removed\n"), cleared.stderr
    assert damaged.fft("build").returncode == 0
    assert damaged.due() == set()


def test_all_records_are_removed_only_as_asked(damaged: Damaged) -> None:
    assert damaged.fft("cache", "clear", "--all", "--dry-run").stdout == "all build records would be removed\n"
    assert damaged.fft("cache", "clear", "--all", "--select", "t").returncode == 2
    assert damaged.due() == set()
    damaged.sql("insert into {migrations} values (99, null)")
    newer = damaged.fft("cache", "clear", "--all")
    assert newer.returncode == 1
    assert "written by a newer version" in newer.stderr
