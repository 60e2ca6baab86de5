"""Names in another case, globs that match nothing, and credentials in messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from fft_core import FftError, Request, load_project, make_plan, open_warehouse, select
from fft_core.compile.identity import Identities
from fft_core.engines.protocol import TableInfo
from fft_core.project.model import SourceName
from fft_core.run.rebuilder import Rebuilder
from fft_core.run.turn import build_model


def write(root: Path, files: dict[str, str]) -> Path:
    files = {"project.yml": "name: p\nversion: '1'\n", "profiles.yml": "dev: {engine: duckdb}\n", **files}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_source_is_found_however_its_schema_is_spelled(tmp_path: Path) -> None:
    sources = "version: 2\nsources:\n  - {name: crm, schema: RAW, tables: [{name: Users}]}\n"
    root = write(tmp_path, {"sources.yml": sources, "models/m.ff.sql": "select id from {{ source('crm', 'Users') }}"})
    project = load_project(root, environment={})
    with open_warehouse(project) as warehouse:
        warehouse.engine.execute("create schema raw")
        warehouse.engine.execute("create table raw.users as select 1 as id")
        relation = warehouse.relation(SourceName("crm", "Users"))
        assert warehouse.engine.inspect([relation]) == {relation: TableInfo("table")}
        build_model(warehouse, project.model("m"))
        assert not make_plan(warehouse).builds
        warehouse.engine.execute("insert into raw.users values (2)")
        assert [str(reason) for d in make_plan(warehouse).builds for reason in d.reasons] == ["crm.Users changed"]


def test_a_rebuild_glob_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    project = load_project(write(tmp_path, {"models/users.ff.sql": "select 1 as id"}), environment={})
    with open_warehouse(project) as warehouse:
        identities = Identities(project, warehouse.compiler)
        with pytest.raises(
            FftError, match=r"--rebuild 'user' matches no model or seed \[FFT-\d+\]\n    hint: Did you mean 'users'\?"
        ):
            Rebuilder(project, identities, Request(rebuild=("user",)))
        assert Rebuilder(project, identities, Request(rebuild=("use*",))).plan(warehouse).builds


def test_a_failing_statement_does_not_show_credentials(tmp_path: Path) -> None:
    text = "select no_such_column, '{{ env('FF_API_TOKEN') }}' as token"
    project = load_project(write(tmp_path, {"models/m.ff.sql": text}), environment={"FF_API_TOKEN": "hunter2"})
    with open_warehouse(project) as warehouse, pytest.raises(FftError) as caught:
        build_model(warehouse, project.model("m"))
    assert "no_such_column, '***' as token" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_variables_can_be_written_as_filters(tmp_path: Path) -> None:
    text = "select {{ 'step' | var }} as a, '{{ 'OUR' | env('x') }}' as b, '{{ 'NONE' | env('x') }}' as c"
    files = {"project.yml": "name: p\nversion: '1'\nvars: {step: 3}\n", "models/m.ff.sql": text}
    project = load_project(write(tmp_path, files), environment={"OUR": "here"})
    with open_warehouse(project) as warehouse:
        build_model(warehouse, project.model("m"))
        assert warehouse.engine.fetch("select a, b, c from memory.main.m") == [(3, "here", "x")]


def test_seeds_are_selected_by_their_tags(tmp_path: Path) -> None:
    schema = "version: 2\nseeds: [{name: raw, tags: [nightly], owners: ['team:data']}]\n"
    files = {"seeds/raw.csv": "id\n1\n", "models/s.yml": schema, "models/m.ff.sql": "select id from {{ ref('raw') }}"}
    project = load_project(write(tmp_path, files), environment={})
    assert select(project, ["tag:nightly"]) == {"raw"}
    assert project.seeds["raw"].owners == ("team:data",)
