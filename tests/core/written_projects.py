"""Projects for tests, written from a mapping of file names to contents; loaded and built as a user would."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fft_core import Project, ProjectError, Warehouse, load_project
from fft_core import open_warehouse as open_by_profile
from fft_core.build.publish import BuildResult
from fft_core.run.turn import build_model, build_seed

PROJECT = 'name: shop\nversion: "1"\n'
PROFILES = "dev:\n  engine: duckdb\n  duckdb: {path: warehouse.duckdb}\n"
USERS_ORDERS = Path(__file__).parents[1] / "projects" / "users_orders"

Files = Mapping[str, str | bytes]


def write_project(folder: Path, files: Files) -> Path:
    """Write a project; project.yml and profiles.yml are those of every shop where the files do not give them."""
    for name, content in {"project.yml": PROJECT, "profiles.yml": PROFILES, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
    return folder


def loaded(folder: Path, files: Files, env: str = "dev", **environment: str) -> Project:
    """Write a project and load it; its environment is what is given, and nothing of the process."""
    return load_project(write_project(folder, files), env, environment=environment)


def problems(folder: Path, files: Files, env: str = "dev", **environment: str) -> list[str]:
    """Write a project that does not load; give its problems as the user reads them."""
    with pytest.raises(ProjectError) as caught:
        loaded(folder, files, env, **environment)
    return [str(problem) for problem in caught.value.problems]


@dataclass(frozen=True)
class Shop:
    """A project with its database open."""

    project: Project
    warehouse: Warehouse

    def build(self, *names: str) -> list[BuildResult]:
        """Build these models and seeds, or all of them in order."""
        nodes = [self.project.node(name) for name in names] or list(self.project.stored())
        return [
            build_seed(self.warehouse, node) if node.name in self.project.seeds else build_model(self.warehouse, node)  # type: ignore[arg-type]
            for node in nodes
        ]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the database."""
        return list(self.warehouse.engine.fetch(sql))

    def types(self, relation: str) -> dict[str, str]:
        """The columns of a relation, and their types."""
        return {column.name: column.type for column in self.warehouse.engine.columns(f"select * from {relation}")}

    def relations(self) -> set[str]:
        """All tables and views of the database, as schema.name."""
        found = self.rows("select table_schema, table_name from information_schema.tables")
        return {f"{schema}.{name}" for schema, name in found if not str(name).startswith("_ff_")}


@contextmanager
def opened(folder: Path, files: Files | None = None, env: str = "dev", **environment: str) -> Iterator[Shop]:
    """Write a project (where files are given) and open its database."""
    project = (
        load_project(folder, env, environment=environment)
        if files is None
        else loaded(folder, files, env, **environment)
    )
    with open_by_profile(project) as warehouse:
        yield Shop(project, warehouse)
