"""The catalog of the project and its published tables, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fft_core.errors import FftError
from fft_core.json_files.artifacts import plain_json, spelled
from fft_core.project.model import Model, Project, Seed, Source, SourceName
from fft_core.warehouse.warehouse import planned_relations
from fft_serve.problems import ProblemError, nearest_text
from fft_serve.rows.endpoint import withheld_json
from fft_serve.rows.walk import explained
from fft_serve.sources import Version
from fft_serve.state import Loaded


@dataclass(frozen=True)
class Catalog:
    """The project, and the versions of its models as of one moment."""

    loaded: Loaded
    versions: Mapping[str, Version]
    now: datetime

    @property
    def project(self) -> Project:
        """The project."""
        return self.loaded.project

    def models(self) -> list[dict[str, Any]]:
        """Describe all models, without their columns."""
        return [self.summary(model) for _, model in sorted(self.project.models.items())]

    def summary(self, model: Model) -> dict[str, Any]:
        """Describe a model, without its columns."""
        version = self.versions.get(model.name)
        stale = self._stale(model, version)
        return {
            "name": model.name,
            "kind": model.kind,
            "materialized": model.materialization.name,
            "description": model.description,
            "owners": list(model.owners),
            "tags": list(model.tags),
            "relation": self._relation(model),
            "served": model.serve is not None,
            "rows": version.rows if version else None,
            "data_version": version.data_version if version else None,
            "built_at": spelled(version.built_at) if version else None,
            "run_id": version.run_id if version else None,
            "is_stale": None if stale is None else bool(stale),
            "stale_because": stale or [],
            "withheld": withheld_json(self.loaded.sources.withheld(model.name)) if model.serve else None,
        }

    def model(self, name: str) -> dict[str, Any]:
        """Describe a model with its columns and checks. Raises ProblemError."""
        model = self.loaded.model(name)
        version = self.versions.get(name)
        if model.serve is not None and version is not None:
            with explained(name):
                version = self.loaded.sources.version(name)
        return {
            **self.summary(model),
            "columns": self._columns(model, version),
            "inputs": [str(one) for one in model.inputs],
            "read_by": list(self.project.read_by(name)),
            "checks": self._checks(model, version),
        }

    def sources(self) -> list[dict[str, Any]]:
        """Describe the sources."""
        return [_source(source) for _, source in sorted(self.project.sources.items(), key=lambda item: str(item[0]))]

    def seeds(self) -> list[dict[str, Any]]:
        """Describe the seeds."""
        return [_seed(seed) for _, seed in sorted(self.project.seeds.items())]

    def lineage(self) -> dict[str, Any]:
        """Return the graph: nodes, and edges from each input to its readers."""
        project = self.project
        nodes = [{"id": name, "type": "model"} for name in sorted(project.models)]
        nodes += [{"id": name, "type": "seed"} for name in sorted(project.seeds)]
        nodes += [{"id": str(name), "type": "source"} for name in sorted(project.sources, key=str)]
        edges = [
            {"from": str(read), "to": name} for name, model in sorted(project.models.items()) for read in model.inputs
        ]
        return {"nodes": nodes, "edges": edges}

    def _relation(self, model: Model) -> str | None:
        if model.is_ephemeral:
            return None
        try:
            return str(planned_relations(self.project)(model.name))
        except FftError:
            return None

    def _columns(self, model: Model, version: Version | None) -> list[dict[str, Any]]:
        declared = {column.name.lower(): column for column in model.columns}
        types: Mapping[str, str | None] = {column.name: column.type for column in model.columns}
        if model.serve is not None and version is not None:
            with explained(model.name):
                try:
                    place = self.loaded.sources.look(model.name, None).place
                    read = self.loaded.sources.columns(place, version.stamp)
                    types = {column.name: column.type for column in read}
                except ProblemError:  # too large to be served
                    pass
        found = []
        for name, kind in types.items():
            column = declared.get(name.lower())
            described: dict[str, Any] = {"description": None, "tags": [], "is_pii": False}
            if column is not None:
                tags = list(column.tags)
                described = {"description": column.description, "tags": tags, "is_pii": column.is_pii}
            found.append({"name": name, "type": kind, **described})
        return found

    def _checks(self, model: Model, version: Version | None) -> list[dict[str, Any]]:
        results = {check["name"]: check for check in (version.checks if version and version.checks else ())}
        return [
            {
                "name": check.name,
                "type": check.type,
                "severity": check.severity,
                "description": check.description,
                "status": results.get(check.name, {}).get("status"),
                "message": results.get(check.name, {}).get("message") or None,
            }
            for check in self.project.checks_of(model.name)
        ]

    def _stale(self, model: Model, version: Version | None) -> list[str] | None:
        """Return the reason why rows are older than their inputs; None if it is not known."""
        if version is None:
            return None
        why = []
        if model.ttl_seconds is not None and version.built_at is not None:
            age = (self.now - version.built_at).total_seconds()
            why += [f"its ttl of {model.ttl_seconds:g} s is over"] if age > model.ttl_seconds else []
        known = {name: self.versions[name].data_version for name in version.inputs or {} if name in self.versions}
        for name, used in (version.inputs or {}).items():
            if name in known and known[name] != used:
                why.append(f"{name} was built since")
        return why if why or version.inputs is not None or model.ttl_seconds is not None else None


def catalog_of(loaded: Loaded) -> Catalog:
    """Look at what is published now. Raises ProblemError if the database cannot be reached."""
    with explained("the records of builds"):
        return Catalog(loaded, loaded.sources.versions(), datetime.now(UTC))


def source_of(project: Project, name: str) -> dict[str, Any]:
    """Describe a source. Raises ProblemError."""
    group, _, table = name.partition(".")
    source = project.sources.get(SourceName(group, table))
    if source is None:
        raise ProblemError("not_found", f"there is no source {name!r}.{nearest_text(name, map(str, project.sources))}")
    return _source(source)


def _source(source: Source) -> dict[str, Any]:
    freshness = source.freshness
    limits = (freshness.warn_after, freshness.error_after) if freshness else (None, None)
    seconds = [limit.total_seconds() if limit else None for limit in limits]
    return {
        "name": str(source.name),
        "identifier": source.identifier,
        "schema": source.schema,
        "description": source.description,
        "tags": list(source.tags),
        "columns": [_declared(column) for column in source.columns],
        "freshness": {"warn_after_seconds": seconds[0], "error_after_seconds": seconds[1]} if freshness else None,
    }


def _seed(seed: Seed) -> dict[str, Any]:
    return {
        "name": seed.name,
        "file": seed.path.as_posix(),
        "description": seed.description,
        "tags": list(seed.tags),
        "owners": list(seed.owners),
        "columns": [_declared(column) for column in seed.columns],
    }


def _declared(column: Any) -> dict[str, Any]:
    said = {"name": column.name, "type": column.type, "description": column.description, "tags": list(column.tags)}
    return plain_json(said)
