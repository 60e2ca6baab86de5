"""`catalog.json`: the relations of a project in its database, with their kinds, rows, columns and types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fft_core.engines.protocol import ColumnType, RelationKind, Session, TableInfo, Want
from fft_core.engines.spec.masking import Masker
from fft_core.errors import StatementError
from fft_core.json_files import write_json_file
from fft_core.json_files.artifacts import artifact_path, spelled
from fft_core.names import Relation
from fft_core.project.model import Project, SourceName
from fft_core.version import VERSION
from fft_core.warehouse.warehouse import Warehouse

FILE = "catalog.json"
SCHEMA = "fft.catalog/1"


@dataclass(frozen=True)
class CatalogEntry:
    """The state of a relation in the database.

    `rows` is None if they were not counted: for views, and for tables that FFT did not build. `error` is the reason why
    the columns could not be read: a view may read a table that was dropped.
    """

    relation: Relation
    kind: RelationKind
    rows: int | None
    columns: tuple[ColumnType, ...]
    error: str | None = None


@dataclass(frozen=True)
class Catalog:
    """The existing relations of a project's models, seeds and sources, by name."""

    project: Project
    generated_at: datetime
    entries: Mapping[str, CatalogEntry]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as the schema describes them."""
        metadata = {
            "schema": SCHEMA,
            "fft_version": VERSION,
            "generated_at": spelled(self.generated_at),
            "project": self.project.name,
            "profile": self.project.env,
            "engine": self.project.engine,
        }
        return {"metadata": metadata, "relations": {name: asdict(entry) for name, entry in self.entries.items()}}


def read_catalog(warehouse: Warehouse) -> Catalog:
    """Read the state of all relations; changes nothing. Raises StatementError if the database rejects a query."""
    project, engine = warehouse.project, warehouse.engine
    nodes: list[str | SourceName] = [*(node.name for node in project.stored()), *sorted(project.sources, key=str)]
    relations = {str(node): warehouse.relation(node) for node in nodes}
    tables = engine.inspect(list(relations.values()), Want.ROWS | Want.COLUMNS)
    found = {name: _entry(warehouse.masker, engine, r, tables[r]) for name, r in relations.items() if r in tables}
    return Catalog(project, datetime.now(UTC), found)


def write_catalog(catalog: Catalog) -> Path:
    """Write the catalog into the project's target folder. Raises ArtifactError."""
    return write_json_file(artifact_path(catalog.project.root, FILE), catalog.to_json())


def _entry(masker: Masker, engine: Session, relation: Relation, table: TableInfo) -> CatalogEntry:
    if table.kind != "view":
        return CatalogEntry(relation, table.kind, table.rows, table.columns)
    try:  # only a query shows whether a view still works
        columns = engine.columns(engine.spelling.select_all(relation))
    except StatementError as error:
        return CatalogEntry(relation, table.kind, table.rows, (), masker(error.problem.message))
    return CatalogEntry(relation, table.kind, table.rows, columns)
