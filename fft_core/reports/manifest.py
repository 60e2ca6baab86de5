"""`manifest.json`: the graph of a project, with all settings of each node from its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fft_core.checks.words import in_words
from fft_core.json_files import write_json_file
from fft_core.json_files.artifacts import artifact_path, plain_json, spelled
from fft_core.names import Relation
from fft_core.plan.fingerprint import NodeIdentity, fingerprint_of
from fft_core.project.model import Check, Column, Model, Node, Project, Source, SourceName
from fft_core.reports.described import described_node
from fft_core.run.run import Run
from fft_core.version import VERSION
from fft_core.warehouse.warehouse import planned_relations

FILE = "manifest.json"
SCHEMA = "fft.manifest/1"
RelationOf = Callable[[str | SourceName], Relation]


@dataclass(frozen=True)
class Manifest:
    """A project, the identity of each node, and the place of each relation; made without opening the database."""

    project: Project
    identities: Mapping[str, NodeIdentity]
    relation_of: RelationOf
    generated_at: datetime

    def to_json(self) -> dict[str, Any]:
        """Return plain values, as the schema describes them."""
        project = self.project
        metadata = {
            "schema": SCHEMA,
            "fft_version": VERSION,
            "generated_at": spelled(self.generated_at),
            "project": project.name,
            "project_version": project.version,
            "profile": project.env,
            "engine": project.engine,
        }
        nodes: list[Node] = [*project.seeds.values(), *project.order()]
        sources = sorted(project.sources.values(), key=lambda source: str(source.name))
        parents = {str(source.name): () for source in sources} | {
            node.name: parents_of(project, node) for node in nodes
        }
        return {
            "metadata": metadata,
            "nodes": {node.name: self._node(node) for node in nodes},
            "sources": {str(source.name): self._source(source) for source in sources},
            "parents": {name: list(read) for name, read in parents.items()},
            "children": _turned(parents),
        }

    def _node(self, node: Node) -> dict[str, Any]:
        project, identity = self.project, self.identities.get(node.name)
        return {
            **described_node(node),
            "relation": asdict(self.relation_of(node.name)) if identity else None,
            "columns": _columns(node.columns),
            "checks": [_check(check) for check in project.checks_of(node.name)],
            "fingerprint": _fingerprint(identity) if identity else None,
        }

    def _source(self, source: Source) -> dict[str, Any]:
        name = source.name
        return {
            "name": str(name),
            "group": name.group,
            "table": name.table,
            "file": source.location.path.as_posix(),
            "line": source.location.line,
            "description": source.description,
            "tags": list(source.tags),
            "filled_by": self.project.seed_behind(name),
            "relation": asdict(self.relation_of(name)),
            "columns": _columns(source.columns),
            "checks": [_check(check) for check in self.project.checks_of(name)],
        }


def make_manifest(project: Project, run: Run | None = None) -> Manifest:
    """Make the manifest of a project from its files.

    Args:
        project: A loaded project.
        run: A run of the project, which has the identities of its nodes.

    Raises:
        ProjectError: with every template that fails and every file that is missing.
        ProfileError: the profile cannot be used.
    """
    identities = {identity.name: identity for identity in (run or Run(project)).identities.all()}
    return Manifest(project, identities, planned_relations(project), datetime.now(UTC))


def write_manifest(manifest: Manifest) -> Path:
    """Write the manifest into the project's target folder. Raises ArtifactError."""
    return write_json_file(artifact_path(manifest.project.root, FILE), manifest.to_json())


def parents_of(project: Project, node: Node) -> tuple[str, ...]:
    """Return the names of a node's inputs: models, ephemeral ones too, seeds, and sources that no seed fills."""
    if not isinstance(node, Model):
        return ()
    behind = ((project.seed_behind(i) or str(i)) if isinstance(i, SourceName) else i for i in node.inputs)
    return tuple(dict.fromkeys(behind))


def _turned(parents: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {name: [] for name in parents}
    for child, read in parents.items():
        for name in read:
            children[name].append(child)
    return children


def _columns(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "type": column.type,
            "description": column.description,
            "tags": list(column.tags),
            "meta": plain_json(column.meta),
        }
        for column in columns
    ]


def _check(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "type": check.type,
        "severity": check.severity,
        "scope": check.scope,
        "says": in_words(check),
        "description": check.description,
        "tags": list(check.tags),
        "meta": plain_json(check.meta),
        "warn_if": str(check.warn_if) if check.warn_if else None,
        "error_if": str(check.error_if) if check.error_if else None,
        "file": check.location.path.as_posix(),
        "line": check.location.line,
    }


def _fingerprint(identity: NodeIdentity) -> dict[str, Any]:
    """Return the identity of a node without the versions of its inputs, which only the database knows."""
    found = fingerprint_of(identity, {})
    return {
        "code": found.code,
        "config": dict(found.config),
        "environment": found.environment,
        "environment_names": list(found.environment_names),
        "place": found.place,
    }
