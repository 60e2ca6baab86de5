"""`catalog.json`: what is in the database of a project: kinds, rows, columns and their types."""

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
    """What exists under a relation's name.

    `rows` is None where they were not counted: for views, and for tables that FFT did not build. `error` tells why the
    columns could not be read: a view may speak of a table that is gone.
    """

    relation: Relation
    kind: RelationKind
    rows: int | None
    columns: tuple[ColumnType, ...]
    error: str | None = None


@dataclass(frozen=True)
class Catalog:
    """What is there of a project's models, seeds and sources, by name; what is not there is left out."""

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
    """Look at what is in the database; changes nothing. Raises StatementError where it cannot be asked."""
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
    try:  # only a query tells whether a view still works
        columns = engine.columns(engine.spelling.select_all(relation))
    except StatementError as error:
        return CatalogEntry(relation, table.kind, table.rows, (), masker(error.problem.message))
    return CatalogEntry(relation, table.kind, table.rows, columns)
