"""A project whose models are served, for tests: files, builds in this process, and the folder of its served files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fft_core import Project, Run, load_project
from fft_core.errors import FftError
from fft_core.run.select.facts import select_nodes
from fft_core.testing.project import make_project

ORDERS = """\
{{ config(serve=true, tags=['mart'], owners=['team:sales'], description='All orders') }}
select i as id, 'name ' || i as name, i %% 7 as grp, cast(i as decimal(10, 2)) / 4 as price
from (select unnest(array[%s]) as i) as numbers
"""
SCHEMA = """\
version: 2
models:
  - name: orders
    columns:
      - {name: id, description: The number of the order, tests: [unique, not_null]}
      - {name: name, tags: [pii]}
"""


def orders(numbers: range) -> str:
    return ORDERS % ", ".join(map(str, numbers))


@dataclass(frozen=True)
class Served:
    """A project in a folder, and its database."""

    root: Path
    engine: str = "duckdb"
    settings: Mapping[str, Any] = field(default_factory=lambda: {"path": "db.duckdb"})
    environment: Mapping[str, str] = field(default_factory=dict)

    def write(self, files: Mapping[str, str]) -> Project:
        return make_project(self.root, files, engine=self.engine, settings=self.settings, environment=self.environment)

    def load(self) -> Project:
        return load_project(self.root, "dev", environment=dict(self.environment))

    def build(self, select: str | None = None) -> dict[str, str]:
        """Build what is out of date, as a loop of turns; return what became of each node."""
        project = self.load()
        chosen = select_nodes(project, [select], []) if select else None
        found: dict[str, str] = {}
        with Run(project, nodes=chosen) as run:
            for node in run.order():
                try:
                    found[node.name] = run.build(node).decision.action
                except FftError as error:
                    found[node.name] = type(error).__name__
        return found

    def folder(self, model: str = "orders") -> Path:
        return self.root / ".fastflowtransform" / "served" / "dev" / model

    def manifest(self, model: str = "orders") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(model) / "manifest.json").read_text())
        return found
