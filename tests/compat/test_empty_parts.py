"""Files and keys with nothing in them, as they stand in projects that have not got that far."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_projects import Files, loaded, problems

EMPTY: dict[str, Files] = {
    "no sources yet": {"sources.yml": "version: 2\nsources:\n"},
    "a source without tables": {"sources.yml": "version: 2\nsources: [{name: crm, tables: []}, {name: shop}]\n"},
    "packages": {"packages.yml": "packages:\n"},
    "budgets": {"budgets.yml": "version: 1\nquery_limits:\ntotal:\nmodels:\ntags:\n"},
    "an empty schema": {"models/schema.yml": "# later\n"},
    "a schema without models": {"models/schema.yml": "version: 2\nmodels:\n"},
    "a model without columns": {"models/schema.yml": "version: 2\nmodels: [{name: a, columns: , tests: }]\n"},
    "seeds": {"seeds/schema.yml": "targets:\ncolumns:\n"},
    "project.yml": {
        "project.yml": "name: m\nversion: '1'\nvars:\ntests:\nmodels:\nseeds:\nhooks:\n  on_run_end:\ndocs:\n"
    },
}


@pytest.mark.parametrize("case", EMPTY)
def test_what_is_empty_is_not_given(tmp_path: Path, case: str) -> None:
    assert list(loaded(tmp_path, {"models/a.ff.sql": "select 1 as a", **EMPTY[case]}).models) == ["a"]


def test_an_unknown_key_is_an_error_without_a_value_too(tmp_path: Path) -> None:
    files: Files = {"project.yml": "name: m\nversion: '1'\nmodles:\n", "models/a.ff.sql": "select 1 as a"}
    assert problems(tmp_path, files)[0].startswith("project.yml:3: unknown key 'modles' in the file")


def test_a_required_key_needs_a_value(tmp_path: Path) -> None:
    files: Files = {"sources.yml": "version: 2\nsources: [{name: }]\n", "models/a.ff.sql": "select 1 as a"}
    assert problems(tmp_path, files)[0].startswith("sources.yml:2: sources.0.name")
