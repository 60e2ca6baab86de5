"""The project of an asset: a mark in its metadata, which steps, resource and IO manager read."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg

from fft_core import FftError, Model, Project, Relation, Seed, Source
from fft_core.engines.spec.registry import spec_of
from fft_core.project.model import SourceName
from fft_core.warehouse.warehouse import planned_relations
from fft_dagster.translator import FftTranslator

PROJECT_KEY = "fft/project"


@dataclass(frozen=True, eq=False, repr=False)
class BoundProject:
    """A project and the translator of its assets."""

    project: Project
    translator: FftTranslator

    def __repr__(self) -> str:
        return f"{self.project.name} ({self.project.env})"

    @cached_property
    def nodes(self) -> Mapping[dg.AssetKey, Model | Seed | Source]:
        """Models, seeds and sources by the keys of their assets; a model wins over a seed, a seed over a source."""
        project = self.project
        nodes: list[Model | Seed | Source] = [
            *project.sources.values(),
            *project.seeds.values(),
            *project.models.values(),
        ]
        return {self.translator.get_asset_key(node): node for node in nodes}

    @cached_property
    def owners(self) -> Mapping[Relation, Model | Seed | Source]:
        """The owners of relations; a model or seed wins over a source."""
        stored = [n for n in self.nodes.values() if not (isinstance(n, Model) and n.is_ephemeral)]
        return {self.folded(self.relation_of(node.name)): node for node in stored}

    def folded(self, relation: Relation) -> Relation:
        """Return a relation in the form in which its engine compares names."""
        return spec_of(self.project.engine).folded(relation)

    @cached_property
    def _planned(self) -> Any:  # a function of names
        return planned_relations(self.project)

    def relation_of(self, node: str | SourceName) -> Relation:
        """Return the relation of a model, seed or source in the profile."""
        relation: Relation = self._planned(node)
        return relation

    def relation_of_key(self, key: dg.AssetKey) -> Relation:
        """Return the relation of an asset for the IO manager: by the node with its key, or by the key's last parts."""
        node = self.nodes.get(key)
        if node is not None:
            return self.relation_of(node.name)
        relation = self.relation_of(key.path[-1])
        return Relation(key.path[-1], key.path[-2] if len(key.path) > 1 else relation.schema, relation.catalog)


# Not state of a run: if no asset marks the project, the only one that is loaded in this process.
_loaded: weakref.WeakSet[BoundProject] = weakref.WeakSet()


def bound_project(project: Project, translator: FftTranslator | None = None) -> BoundProject:
    """Return a project bound to the translator of its definitions, and remember it."""
    bound = BoundProject(project, translator or FftTranslator())
    _loaded.add(bound)
    return bound


def loaded_projects() -> list[BoundProject]:
    """List the projects whose definitions this process holds."""
    return _each_once(_loaded)


def marked(spec: dg.AssetSpec, bound: BoundProject, code_version: str | None = None) -> dg.AssetSpec:
    """Return a spec with the mark of its project and a code version, unless it has them already."""
    return spec.replace_attributes(
        metadata={PROJECT_KEY: bound, **spec.metadata}, code_version=spec.code_version or code_version
    )


def project_in(metadata: Mapping[str, Any] | None) -> BoundProject | None:
    """Return the project that metadata is marked with."""
    found = (metadata or {}).get(PROJECT_KEY)
    return found if isinstance(found, BoundProject) else None


def current_project() -> BoundProject:
    """Find the project of the running step: by the mark of its asset, or the only project of the run.

    Raises:
        FftError: there are several, or none.
    """
    try:
        context = dg.OpExecutionContext.get()
    except dg.DagsterInvariantViolationError:  # in a sensor, or in a thread that a step has started
        return only_one([])
    own = context.assets_def if context.has_assets_def else None
    keys = [*own.keys, *(check.asset_key for check in own.check_keys)] if own else []
    graph = context.job_def.asset_layer.asset_graph
    return only_one(_marks(graph.get(key).metadata for key in keys if graph.has(key)) or projects_of(context.job_def))


def projects_of(job: dg.JobDefinition) -> list[BoundProject]:
    """List the projects that mark the assets of a job."""
    return _marks(node.metadata for node in job.asset_layer.asset_graph.asset_nodes)


def names_in_run(job: dg.JobDefinition, bound: BoundProject) -> frozenset[str]:
    """Return the names of the models and seeds that are selected in the job of a run."""
    keys, translator = job.asset_layer.selected_asset_keys, bound.translator
    return frozenset(node.name for node in bound.project.stored() if translator.get_asset_key(node) in keys)


def only_one(found: list[BoundProject]) -> BoundProject:
    """Return the only project found, or the only one loaded. Raises FftError if there are several, or none."""
    found = _each_once(found) or loaded_projects()
    if len(found) == 1:
        return found[0]
    names = ", ".join(sorted(map(repr, found)))
    raise FftError(
        f"the FFT project of this asset is not clear: {names or 'none is loaded'}",
        hint="Pass the asset to build_definitions(..., assets=[...]) of its project, or rename the resources "
        'of one project with resource_prefix="..." and use those.',
        code="FFT-906",
    )


def _marks(metadata: Iterable[Mapping[str, Any]]) -> list[BoundProject]:
    return _each_once(found for said in metadata if (found := project_in(said)) is not None)


def _each_once(bound: Iterable[BoundProject]) -> list[BoundProject]:
    return list({id(one.project): one for one in bound}.values())
