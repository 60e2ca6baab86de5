"""`manifest.json`: the graph with what the files say, by the schema, without opening a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flower_shop import FILES, load_shop, write_shop
from validation import validate

from fft_core import ProjectError
from fft_core.reports.manifest import make_manifest, write_manifest


def manifest(root: Path, **environment: str) -> dict[str, Any]:
    return make_manifest(load_shop(root, **environment)).to_json()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


def test_it_follows_the_schema_and_opens_no_database(shop: Path) -> None:
    path = write_manifest(make_manifest(load_shop(shop)))
    assert path == shop / ".fastflowtransform" / "target" / "manifest.json"
    validate(json.loads(path.read_text(encoding="utf-8")), "manifest")
    assert not (shop / "shop.duckdb").exists()


def test_the_graph_goes_through_ephemeral_models_and_sources(shop: Path) -> None:
    found = manifest(shop)
    assert list(found["nodes"]) == ["users", "cleaned", "people", "counted", "recent"]
    assert found["parents"] == {
        "crm.visits": [],
        "users": [],
        "cleaned": ["users"],
        "people": ["cleaned"],
        "counted": ["people"],
        "recent": ["people", "crm.visits"],
    }
    assert found["children"] == {
        "crm.visits": ["recent"],
        "users": ["cleaned"],
        "cleaned": ["people"],
        "people": ["counted", "recent"],
        "counted": [],
        "recent": [],
    }


def test_a_seed_stands_for_the_source_that_it_fills(shop: Path) -> None:
    write_shop(shop, {"seeds/visits.csv": "user_id,day\n1,2026-01-31\n"})
    found = manifest(shop)
    assert found["sources"]["crm.visits"]["filled_by"] == "visits"
    assert found["parents"]["recent"] == ["people", "visits"]
    assert found["children"]["crm.visits"] == []


def test_a_node_says_all_that_its_files_say(shop: Path) -> None:
    people = manifest(shop)["nodes"]["people"]
    assert people["kind"] == "sql"
    assert people["materialized"] == "table"
    assert people["file"] == "models/people.ff.sql"
    assert people["tags"] == ["nightly", "core"]
    assert people["owners"] == ["team:core"]
    assert people["refs"] == ["cleaned"]
    assert people["relation"] == {"name": "people", "schema": "main", "catalog": "shop"}
    assert people["columns"][0] == {
        "name": "id",
        "type": None,
        "description": "The key.",
        "tags": [],
        "meta": {},
    }
    assert [check["says"] for check in people["checks"]] == [
        "id is not NULL",
        "id is unique; NULL counts as a value",
    ]
    assert people["checks"][0]["file"] == "models/schema.yml"


def test_an_ephemeral_model_has_no_relation_of_its_own(shop: Path) -> None:
    cleaned = manifest(shop)["nodes"]["cleaned"]
    assert (cleaned["relation"], cleaned["fingerprint"], cleaned["materialized"]) == (None, None, "ephemeral")


def test_fingerprints_change_with_what_makes_rows_and_with_nothing_else(shop: Path) -> None:
    before = manifest(shop)["nodes"]
    described = FILES["models/schema.yml"].replace("The key.", "The key of it.")
    other = "{{ config(materialized='view') }} select 1 as id"
    write_shop(shop, {"models/recent.ff.sql": other, "models/schema.yml": described})
    after = manifest(shop)["nodes"]
    assert {name for name in after if after[name]["fingerprint"] != before[name]["fingerprint"]} == {"recent"}


def test_no_value_of_a_variable_is_in_it(shop: Path) -> None:
    text = json.dumps(manifest(shop, FF_DEMO_TOGGLE="blue-42", FF_API_TOKEN="hunter2"))
    assert "FF_DEMO_TOGGLE" in text
    assert "blue-42" not in text
    assert "hunter2" not in text


def test_a_model_that_cannot_be_rendered_leaves_the_last_manifest(shop: Path) -> None:
    path = write_manifest(make_manifest(load_shop(shop)))
    before = path.read_bytes()
    write_shop(shop, {"models/recent.ff.sql": "select {{ 1 / 0 }} as id"})
    with pytest.raises(ProjectError, match=r"models/recent\.ff\.sql"):
        write_manifest(make_manifest(load_shop(shop)))
    assert path.read_bytes() == before
