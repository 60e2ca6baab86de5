"""The displayed graph: models, ephemeral ones too, seeds, and the sources that no seed of the project fills."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from fft_core.project.model import Model, Node, Project, Source
from fft_core.reports.manifest import parents_of

NodeShape: TypeAlias = Literal[
    "table", "view", "materialized_view", "ephemeral", "incremental", "snapshot", "sessions", "seed", "source"
]


@dataclass(frozen=True)
class GraphNode:
    """One displayed node; `language` is None for seeds and sources."""

    name: str
    shape: NodeShape
    language: Literal["sql", "python", "stream"] | None = None

    @property
    def label(self) -> str:
        """The kind of the node in words, such as "SQL view"."""
        return {"sql": "SQL ", "python": "Python ", "stream": "stream of "}.get(self.language or "", "") + self.shape


@dataclass(frozen=True)
class Graph:
    """Nodes in build order, and edges from inputs to their readers."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[str, str], ...]

    def parents(self, name: str) -> tuple[str, ...]:
        """Return the inputs of a node."""
        return tuple(start for start, end in self._edges_at.get(name, ()) if end == name)

    def children(self, name: str) -> tuple[str, ...]:
        """Return the readers of a node."""
        return tuple(end for start, end in self._edges_at.get(name, ()) if start == name)

    def around(self, name: str, steps: int) -> Graph:
        """Return the part of the graph within a number of steps upstream and downstream of a node."""
        near = {name}
        for step in (self.parents, self.children):
            frontier = {name}
            for _ in range(steps):
                frontier = {other for node in frontier for other in step(node)}
                near |= frontier
        return self.part(near)

    def part(self, names: Collection[str]) -> Graph:
        """Return the graph of some nodes, with the edges between them."""
        nodes = tuple(node for node in self.nodes if node.name in names)  # in the order of the graph
        edges = dict.fromkeys(edge for node in nodes for edge in self._edges_at.get(node.name, ()))
        return Graph(nodes, tuple((start, end) for start, end in edges if start in names and end in names))

    @cached_property
    def _edges_at(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for edge in self.edges:
            for name in edge:
                found.setdefault(name, []).append(edge)
        return found


def graph_of(project: Project, chosen: frozenset[str] | None = None) -> Graph:
    """Return the graph of a project.

    Args:
        project: A project.
        chosen: The stored models and seeds to show; None for all. Ephemeral models in their queries are shown as well,
            and the sources that they read.
    """
    nodes: list[Node] = [*project.seeds.values(), *project.order()]
    if chosen is not None:
        shown = chosen | _taken_in(project, chosen)
        nodes = [node for node in nodes if node.name in shown]
    names = {node.name for node in nodes}
    reads = {node.name: parents_of(project, node) for node in nodes}
    sources = [source for source in _sources(project) if chosen is None or _is_read(source, reads.values())]
    names |= {str(source.name) for source in sources}
    return Graph(
        (*(GraphNode(str(source.name), "source") for source in sources), *map(_shown, nodes)),
        tuple((read, name) for name, parents in reads.items() for read in parents if read in names),
    )


def _taken_in(project: Project, chosen: frozenset[str]) -> set[str]:
    """Return the ephemeral models whose queries are part of chosen models."""
    found: set[str] = set()
    frontier = list(chosen)
    while frontier:
        for name in project.reads(frontier.pop()):
            if name not in found and name in project.models and project.models[name].is_ephemeral:
                found.add(name)
                frontier.append(name)
    return found


def _sources(project: Project) -> list[Source]:
    found = [source for name, source in project.sources.items() if project.seed_behind(name) is None]
    return sorted(found, key=lambda source: str(source.name))


def _is_read(source: Source, reads: Iterable[tuple[str, ...]]) -> bool:
    return any(str(source.name) in parents for parents in reads)


def _shown(node: Node) -> GraphNode:
    if isinstance(node, Model):
        return GraphNode(node.name, node.materialization.name, node.kind)
    return GraphNode(node.name, "seed")
