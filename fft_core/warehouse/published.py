"""The existing relations of the models and seeds of a project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from fft_core.engines.protocol import Row, Want
from fft_core.engines.spec.attachments import attachments_from_json
from fft_core.engines.spec.known import known_functions
from fft_core.names import Relation
from fft_core.names.functions import Definition
from fft_core.plan.records import BuildRecord, Definitions, Published, Remembered
from fft_core.project.model import Model, Seed
from fft_core.warehouse.records import TABLE, read_rows, records_of
from fft_core.warehouse.warehouse import Warehouse


@dataclass(frozen=True)
class Facts:
    """All that is read of a database for a plan, except the versions of sources.

    Attributes:
        definitions: The user-defined objects of the database.
        records: The rows of the build records.
        published: The state of the existing relations of models and seeds, by node.
    """

    definitions: tuple[Definition, ...]
    records: tuple[Row, ...]
    published: Mapping[str, Published]


def read_facts(warehouse: Warehouse) -> Facts:
    """Read the facts of a database. Raises StateError if the records cannot be read."""
    engine = warehouse.engine
    definitions, records = tuple(engine.versions.definitions()), tuple(read_rows(engine))
    return Facts(definitions, records, published_nodes(warehouse, warehouse.project.stored()))


def remembered(warehouse: Warehouse, facts: Facts | None = None) -> Remembered:
    """Return all that a plan of the project compares with, from facts; they are read if none are given.

    Raises:
        StateError: the records cannot be read.
    """
    engine, facts = warehouse.engine, facts or read_facts(warehouse)
    known, place = partial(known_functions, engine.name), partial(_place, warehouse)
    definitions = Definitions(engine.dialect, facts.definitions, known, place)
    records = records_of(facts.records, str(engine.relation(TABLE)), warehouse.place_text)
    published, stored = facts.published, warehouse.project.stored()
    places = {node.name: warehouse.place_text(node.name) for node in stored}
    moved = {name: now for name, now in places.items() if name in records and records[name].relation != now}
    others = {name for name in moved if records[name].environment not in (None, warehouse.environment)}
    if others:  # another environment, with other places, shares the records
        records = {name: record for name, record in records.items() if name not in others}
        moved = {name: now for name, now in moved.items() if name not in others}
    return Remembered(records, published, definitions, moved=moved, referring=_referring(records.values()))


def _referring(records: Iterable[BuildRecord]) -> Mapping[str, Mapping[str, str]]:
    """Find the nodes with foreign keys to each node."""
    found: dict[str, dict[str, str]] = {}
    for record in (record for record in records if record.attached):
        for one in (one for one in attachments_from_json(record.attached) if one.to):
            found.setdefault(one.to, {})[record.node] = record.attached
    return found


def without_names(remembered: Remembered) -> Remembered:
    """Remove the names of relations from the states of another environment.

    A file may be attached here by another name than the one that its own builds have recorded.
    """
    published = {name: replace(one, relation=None) for name, one in remembered.published.items()}
    return replace(remembered, published=published)


def _place(warehouse: Warehouse, name: str) -> str:
    """Return the place of a model, seed or source, as `schema.name`."""
    sources = {str(source): settings.name for source, settings in warehouse.project.sources.items()}
    relation = warehouse.relation(sources.get(name, name))
    return f"{relation.schema}.{relation.name}"


def published_nodes(warehouse: Warehouse, nodes: Iterable[Model | Seed]) -> Mapping[str, Published]:
    """Return the states of the existing relations of some nodes, with their stamps."""
    nodes = list(nodes)
    relations = {node.name: warehouse.place(node.name) for node in nodes}
    backing = {node.name: place for node in nodes if (place := warehouse.backing(node)) is not None}
    tables = warehouse.engine.inspect([*relations.values(), *backing.values()], Want.STAMP | Want.ROWS)
    published = {}
    for name, relation in relations.items():
        rows_at: Relation = backing.get(name, relation)
        table, rows = tables.get(relation), tables.get(rows_at)
        if table is not None:
            stamp = table.stamp if rows and rows.stamp == table.stamp else None
            published[name] = Published(table.kind, stamp, rows.rows if rows else None, str(relation))
    return published
