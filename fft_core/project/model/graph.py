"""Graphs, as mappings from a name to the names that it depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fft_core.errors import Problem, ProjectError


def levels_of(graph: Mapping[str, tuple[str, ...]], *, strict: bool = True) -> tuple[tuple[str, ...], ...]:
    """Return the names in levels, sorted within each: one level above the highest of their dependencies.

    Raises:
        ProjectError: there is a cycle. If not `strict`, the names on a cycle or behind one are left out instead.
    """
    waiting = {name: len(set(refs)) for name, refs in graph.items()}
    readers = readers_of(graph)
    level = sorted(name for name, count in waiting.items() if count == 0)
    levels: list[tuple[str, ...]] = []
    while level:
        levels.append(tuple(level))
        following: list[str] = []
        for name in level:
            for reader in readers.get(name, ()):
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    following.append(reader)
        level = sorted(following)
    if strict and sum(map(len, levels)) < len(graph):
        raise ProjectError([Problem("The models form a cycle.", code="FFT-111")])
    return tuple(levels)


def readers_of(graph: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the reversed graph: for each name, the names that depend on it, each once, in the order of the graph."""
    readers: dict[str, list[str]] = {}
    for name, refs in graph.items():
        for ref in set(refs):
            readers.setdefault(ref, []).append(name)
    return readers


def reach_from(start: str, step: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """Return all names that can be reached from a name, directly or through others."""
    found: set[str] = set()
    frontier: list[str] = [start]
    while frontier:
        for name in step(frontier.pop()):
            if name not in found:
                found.add(name)
                frontier.append(name)
    return frozenset(found)


def cycle_in(graph: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return one cycle as the names on its path, the first one repeated at the end; None without a cycle."""
    rest = {name for level in levels_of(graph, strict=False) for name in level}
    stuck = sorted(set(graph) - rest)
    if not stuck:
        return None
    path: list[str] = []
    name = stuck[0]
    while name not in path:
        path.append(name)
        name = next(ref for ref in graph[name] if ref not in rest)
    return (*path[path.index(name) :], name)
