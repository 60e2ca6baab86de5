"""The dependencies of a model, seed or source, as schedulers draw them."""

from __future__ import annotations

from fft_core.project.model.nodes import Model, Seed, Source, SourceName
from fft_core.project.model.project import Project


def upstream_of(node: Model | Seed | Source, project: Project) -> list[Model | Seed | Source]:
    """Return the dependencies of an asset: models (through ephemeral ones), seeds, sources, and those of its checks."""
    if isinstance(node, Source):
        seed = project.seed_behind(node.name)
        return [project.seeds[seed]] if seed else []
    found: dict[str | SourceName, Model | Seed | Source] = {}
    inputs: tuple[str | SourceName, ...] = node.inputs if isinstance(node, Model) else ()
    for name in (*inputs, *project.waits_for(node.name)):
        if isinstance(name, SourceName):
            found[name] = project.sources[name]
        elif name in project.models and project.models[name].is_ephemeral:
            found.update({n.name: n for n in upstream_of(project.models[name], project)})
        else:
            found[name] = project.node(name)
    return list(found.values())
