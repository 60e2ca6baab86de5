"""`fft clean --orphans`: what this project built for models that are gone is dropped, and nothing of anybody else's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from fft_process import run_process
from targets import Target

from fft_core import Request, load_project, open_warehouse
from fft_core.compile.identity import Identities
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_or_reuse

SNAPSHOT = "{{ config(materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': 'all'}) }}"
MODELS = {
    "stays": "select 1 as id",
    "gone": "select 2 as id",
    "gone_view": "{{ config(materialized='view') }} select id from {{ ref('gone') }}",
    "history": f"{SNAPSHOT} select 1 as id, 'a' as name",
}
PYTHON_VIEW = """\
from fft_core import model

@model(name="gone_py", materialized="view")
def build():
    import pyarrow as pa
    return pa.table({"id": [3]})
"""


@dataclass
class Shop:
    root: Path
    profile: str

    def write(self, name: str = "shop", profile: str | None = None) -> None:
        (self.root / "models").mkdir(parents=True, exist_ok=True)
        (self.root / "project.yml").write_text(f"name: {name}\nversion: '1'\n")
        (self.root / "profiles.yml").write_text(profile or self.profile)
        for model, text in MODELS.items():
            (self.root / "models" / f"{model}.ff.sql").write_text(text)
        (self.root / "models" / "gone_py.ff.py").write_text(PYTHON_VIEW)

    def fft(self, *arguments: str) -> CompletedProcess[str]:
        return run_process(sys.executable, "-m", "fft_cli", *arguments, self.root)

    def build(self) -> None:
        project = load_project(self.root, environment={})
        with open_warehouse(project) as warehouse:
            identities = Identities(project, warehouse.compiler)
            rebuilder = Rebuilder(project, identities, Request())
            for node in project.stored():
                build_or_reuse(warehouse, rebuilder, node)

    def drop_models(self) -> None:
        for name in ("gone.ff.sql", "gone_view.ff.sql", "gone_py.ff.py", "history.ff.sql"):
            (self.root / "models" / name).unlink()

    def there(self, *names: str) -> set[str]:
        with open_warehouse(load_project(self.root, environment={})) as warehouse:
            found = warehouse.engine.inspect([warehouse.engine.relation(name) for name in names])
            return {relation.name for relation in found}

    def sql(self, statement: str) -> None:
        with open_warehouse(load_project(self.root, environment={})) as warehouse:
            engine = warehouse.engine
            names = [*MODELS, "_ff_meta", "their_view"]
            engine.execute(statement.format(**{name: engine.relation(name).sql(engine.spelling) for name in names}))


ALL = (*MODELS, "gone_py", "__ff_py_gone_py")


@pytest.fixture
def shop(tmp_path: Path, target: Target) -> Iterator[Shop]:
    with target.profile(str(tmp_path / "shop.duckdb")) as profile:
        place = Shop(tmp_path / "shop", profile)
        place.write()
        place.build()
        yield place


def test_what_is_gone_is_listed_and_dropped_and_a_snapshot_only_if_asked_for(shop: Shop) -> None:
    nothing = shop.fft("clean", "--orphans")
    assert (nothing.returncode, nothing.stdout) == (0, "nothing to remove\n")
    shop.drop_models()
    said = "4 tables or views of models that are no longer in the project: `fft clean --orphans --dry-run` lists them"
    assert shop.fft("plan").stdout.splitlines()[-1] == said
    listed = shop.fft("clean", "--orphans", "--dry-run")
    assert "gone is not in the project" in listed.stdout
    assert "3 would be removed" in listed.stdout
    assert shop.there(*ALL) == set(ALL)
    assert "history" in listed.stdout
    assert "only --snapshots removes it" in listed.stdout
    removed = shop.fft("clean", "--orphans")
    assert (removed.returncode, removed.stdout.splitlines()[-1]) == (0, "3 removed"), removed.stderr
    assert shop.there(*ALL) == {"stays", "history"}
    assert shop.fft("clean", "--orphans", "--snapshots").stdout.splitlines()[-1] == "1 removed"
    assert shop.there(*ALL) == {"stays"}
    assert shop.fft("plan").stdout == "0 to build, 1 to reuse\n"


def test_another_project_in_the_same_schema_loses_nothing(shop: Shop, tmp_path: Path) -> None:
    other = Shop(tmp_path / "other", shop.profile)
    other.write(name="other")
    for name in MODELS:
        (other.root / "models" / f"{name}.ff.sql").rename(other.root / "models" / f"other_{name}.ff.sql")
    (other.root / "models" / "other_gone_view.ff.sql").write_text("select 1 as id")
    (other.root / "models" / "gone_py.ff.py").unlink()
    other.build()
    theirs = {f"other_{name}" for name in MODELS}
    assert shop.fft("clean", "--orphans", "--snapshots").stdout == "nothing to remove\n"
    shop.drop_models()
    shop.fft("clean", "--orphans", "--snapshots")
    assert shop.there(*ALL, *theirs) == {"stays", *theirs}
    assert "4 to reuse" in other.fft("plan").stdout


def test_another_environment_loses_nothing(shop: Shop) -> None:
    text = shop.profile.strip()
    (shop.root / "profiles.yml").write_text(f"{text}\n{text.replace('dev:', 'prod:')}\n")
    shop.drop_models()
    assert shop.fft("clean", "--orphans", "--snapshots", "--env", "prod").stdout == "nothing to remove\n"
    assert shop.there(*ALL) == set(ALL)


def test_what_somebody_put_in_its_place_stays(shop: Shop) -> None:
    shop.drop_models()
    shop.sql("drop view {gone_view}")
    shop.sql("drop table {gone}")
    shop.sql("create table {gone} as select 'mine' as id")
    listed = shop.fft("clean", "--orphans").stdout
    assert "only a record" in listed
    assert "gone" in shop.there(*ALL)
    assert "gone_py" not in shop.there(*ALL)
    assert shop.fft("clean", "--orphans").stdout.splitlines()[-1] == "nothing to remove"


def test_records_without_a_project_belong_to_nobody(shop: Shop) -> None:
    shop.sql("update {_ff_meta} set project = null, environment = null, relation_path = null")
    shop.drop_models()
    assert shop.fft("clean", "--orphans", "--snapshots").stdout == "nothing to remove\n"
    assert shop.there(*ALL) == set(ALL)


def test_a_seed_that_moves_leaves_its_old_place_until_it_is_cleaned(shop: Shop) -> None:
    (shop.root / "seeds").mkdir()
    (shop.root / "seeds" / "gone_seed.csv").write_text("id\n1\n")
    shop.build()
    (shop.root / "seeds" / "schema.yml").write_text("targets:\n  gone_seed: {schema: elsewhere}\n")
    shop.build()
    assert ("0 to build, 6 to reuse\n1 table or view of a model that is no longer in the project") in shop.fft(
        "plan"
    ).stdout
    listed = shop.fft("clean", "--orphans")
    assert "elsewhere.gone_seed now" in listed.stdout
    assert shop.there("gone_seed") == set()
    assert "0 to build" in shop.fft("plan").stdout
    assert shop.fft("clean", "--orphans").stdout == "nothing to remove\n"


@pytest.mark.parametrize("target", ["postgres"], indirect=True)  # DuckDB's views do not keep what they read
def test_what_others_hang_on_is_kept_and_said(shop: Shop) -> None:
    shop.drop_models()
    shop.sql("create view {their_view} as select * from {gone}")
    ended = shop.fft("clean", "--orphans")
    assert ended.returncode == 1
    assert "it cannot be removed" in ended.stderr
    assert "gone" in shop.there(*ALL)
    assert "gone_py" not in shop.there(*ALL)


def test_what_was_built_lately_stays(shop: Shop) -> None:
    (shop.root / "models" / "gone_view.ff.sql").unlink()
    kept = shop.fft("clean", "--orphans", "--older-than", "1d")
    assert (kept.returncode, kept.stdout) == (0, "nothing to remove\n")
    assert "gone_view" in shop.fft("clean", "--orphans", "--older-than", "0m", "--dry-run").stdout
    wrong = shop.fft("clean", "--orphans", "--older-than", "soon")
    assert (wrong.returncode, "'soon' is not an age: write one as 30m, 12h or 7d" in wrong.stderr) == (2, True)
    assert "--older-than needs --orphans" in shop.fft("clean", "--older-than", "1d").stderr
