"""The examples of public names run as doctests, in a folder with the project of the README."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from written_projects import write_project

# The project of the README, with a source and a unit test.
SHOP: Mapping[str, str] = {
    "seeds/raw_users.csv": "id,email\n1,Ann@example.com\n2,bob@example.org\n",
    "seeds/raw_orders.csv": "id,ordered_at\n1,2026-01-30 12:00:00\n",
    "seeds/schema.yml": "columns: {raw_orders: {id: integer, ordered_at: timestamp}}\n",
    "models/users.ff.sql": "select id, lower(email) as email from {{ ref('raw_users') }}\n",
    "models/domains.ff.py": (
        "import pandas as pd\nfrom fft_core import model\n\n\n@model(deps=['users'])\n"
        "def domains(users: pd.DataFrame) -> pd.DataFrame:\n"
        "    return users.assign(domain=users['email'].str.split('@').str[1])\n"
    ),
    "project.yml": "name: shop\nversion: '1'\ntests:\n  - {type: unique, table: users, column: id}\n",
    "profiles.yml": "dev: {engine: duckdb, duckdb: {path: shop.duckdb}}\n",
    "sources.yml": (
        "version: 2\nsources:\n  - name: crm\n    tables:\n      - name: orders\n        identifier: raw_orders\n"
        "        freshness: {loaded_at_field: ordered_at, warn_after: {count: 1, period: day}}\n"
    ),
    "tests/unit/users.yml": (
        "model: users\ncases:\n  - name: lower case\n"
        "    inputs: {raw_users: {rows: [{id: 1, email: Ann@example.com}]}}\n"
        "    expect: {rows: [{id: 1, email: ann@example.com}]}\n"
    ),
}


def run_example(
    package: ModuleType,
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    files: Mapping[str, str] = SHOP,
    imports: bool = True,
) -> None:
    """Run the example of a public name in a folder with `shop`. It imports all its names, with `imports` also its own.

    Args:
        package: The package that exports the name.
        name: The name.
        folder: An empty folder, which becomes the current one.
        monkeypatch: The fixture of the test.
        files: The files of the project.
        imports: Whether the example must import the name.
    """
    write_project(folder / "shop", files)
    monkeypatch.chdir(folder)
    text = inspect.cleandoc(getattr(package, name).__doc__ or "")
    example = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, name, None, None)
    source = "".join(part.source for part in example.examples)
    if imports:
        assert re.search(rf"^from {package.__name__} import .*\b{name}\b", source, re.MULTILINE)
    assert source
    assert not any(part.options for part in example.examples)
    said: list[str] = []
    ran = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert ran.failed == 0, "".join(said)
