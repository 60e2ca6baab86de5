"""Where a model lies and what is set of it, as people see it: in lists, in Dagster, in the manifest."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_build_command import fft
from written_projects import write_project

from fft_core import load_project
from fft_core.reports.manifest import make_manifest
from fft_dagster import FftTranslator

FILES = {
    "project.yml": """\
        name: shop
        version: "1"
        models:
          marts: {+schema: kept, fct: {alias: Facts}}
        """,
    "models/marts/fct.ff.sql": "{{ config(tags=['own']) }} select 1 as id",
    "models/plain.ff.sql": "select id from {{ ref('fct') }}",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_project(tmp_path, FILES)


def test_a_list_has_a_column_of_places_if_one_is_special(shop: Path) -> None:
    assert fft("ls", shop).lines == [
        "name kind materialized tags file relation",
        "fct sql table own models/marts/fct.ff.sql warehouse.kept.Facts",
        "plain sql table models/plain.ff.sql warehouse.main.plain",
    ]


def test_each_setting_is_shown_with_its_line(shop: Path) -> None:
    assert fft("show", "fct", shop, "--config").lines == [
        "setting value written in",
        "alias Facts project.yml:4",
        "schema kept project.yml:4",
        'tags ["own"] models/marts/fct.ff.sql:1',
        "its relation is warehouse.kept.Facts",
    ]
    wrong = fft("show", "fct", shop, "--config", "--sql")
    assert (wrong.code, "--config takes one model or seed" in wrong.err) == (2, True)


def test_dagster_and_the_manifest_name_the_real_place(shop: Path) -> None:
    project = load_project(shop, "dev", environment={})
    metadata = FftTranslator().get_metadata(project.models["fct"], project)
    assert metadata["dagster/table_name"] == "warehouse.kept.Facts"
    relation = make_manifest(project).to_json()["nodes"]["fct"]["relation"]
    assert relation == {"catalog": "warehouse", "schema": "kept", "name": "Facts"}
