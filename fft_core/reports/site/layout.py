"""Layout of a graph: positions of nodes and edges, in layers from left to right (Sugiyama's method).

A node's layer is right of all its inputs. An edge that crosses layers has a spot in each of them. The order in a layer
is improved by moving spots to the mean of their neighbours; then each spot is drawn as close to that mean as the others
allow.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, TypeVar

Edge: TypeAlias = tuple[str, str]
Spot: TypeAlias = tuple[int, str | Edge]  # a layer, and a node in it or an edge that crosses it
Neighbours: TypeAlias = Mapping[Spot, Sequence[Spot]]

T = TypeVar("T")

HEIGHT = 32.0
_LETTER, _PADDING = 7.7, 36.0
_BETWEEN_LAYERS, _BETWEEN_NODES, _BETWEEN_EDGES = 60.0, 14.0, 12.0
_SWEEPS = 12


@dataclass(frozen=True)
class Box:
    """The position and size of a node; x and y are its upper left corner."""

    name: str
    x: float
    y: float
    width: float
    height: float = HEIGHT


@dataclass(frozen=True)
class Line:
    """The line of an edge; `path` is in the syntax of SVG."""

    start: str
    end: str
    path: str


@dataclass(frozen=True)
class Drawing:
    """A graph with all positions; boxes and lines in the order of the nodes and edges."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(names: Sequence[str], edges: Sequence[Edge]) -> Drawing:
    """Compute the layout of a graph without cycles.

    Args:
        names: The nodes in build order.
        edges: Pairs of an input and its reader.
    """
    levels = _levels(names, edges)
    chains = {edge: _chain(edge, levels) for edge in edges}
    layers = _layers(levels, chains.values())
    links = [link for chain in chains.values() for link in pairwise(chain)]
    layers = _ordered(layers, _by_first((end, start) for start, end in links), _by_first(links))
    heights = _heights(layers, _by_first([*links, *((end, start) for start, end in links)]))
    columns = _columns(layers)
    boxes = tuple(
        Box(name, columns[level][0], heights[level, name] - HEIGHT / 2, columns[level][1])
        for name, level in levels.items()
    )
    lines = tuple(Line(*edge, _path(chain, heights, columns)) for edge, chain in chains.items())
    return Drawing(
        max((box.x + box.width for box in boxes), default=0.0),
        max((y + HEIGHT / 2 for y in heights.values()), default=0.0),
        boxes,
        lines,
    )


def _levels(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    parents = _by_first((end, start) for start, end in edges)
    children = _by_first(edges)
    levels: dict[str, int] = {}
    for name in names:
        levels[name] = 1 + max((levels[parent] for parent in parents.get(name, ())), default=-1)
    for name in names:
        if name in children and name not in parents:  # a node without inputs stands beside its first reader
            levels[name] = min(levels[child] for child in children[name]) - 1
    return levels


def _chain(edge: Edge, levels: Mapping[str, int]) -> list[Spot]:
    start, end = edge
    passed = range(levels[start] + 1, levels[end])
    return [(levels[start], start), *((level, edge) for level in passed), (levels[end], end)]


def _layers(levels: Mapping[str, int], chains: Iterable[Sequence[Spot]]) -> list[list[Spot]]:
    layers: list[list[Spot]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for name, level in levels.items():
        layers[level].append((level, name))
    for chain in chains:
        for spot in chain[1:-1]:
            layers[spot[0]].append(spot)
    return layers


def _ordered(layers: list[list[Spot]], before: Neighbours, after: Neighbours) -> list[list[Spot]]:
    """Sort each layer by the mean position of the neighbours, to and fro; keep the order with the fewest crossings."""
    best, fewest = layers, _crossings(layers, after)
    for sweep in range(_SWEEPS):
        neighbours, order = (before, 1) if sweep % 2 == 0 else (after, -1)
        swept: list[list[Spot]] = []
        for layer in layers[::order]:
            position = {spot: i for i, spot in enumerate(swept[-1])} if swept else {}
            swept.append(sorted(layer, key=_mean_position(layer, neighbours, position).__getitem__))
        layers = swept[::order]
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best


def _mean_position(layer: Sequence[Spot], neighbours: Neighbours, position: Mapping[Spot, int]) -> dict[Spot, float]:
    """Return the mean position of each spot's neighbours; a spot without neighbours keeps its own."""
    means: dict[Spot, float] = {}
    for i, spot in enumerate(layer):
        found = [position[other] for other in neighbours.get(spot, ()) if other in position]
        means[spot] = sum(found) / len(found) if found else float(i)
    return means


def _crossings(layers: Sequence[Sequence[Spot]], after: Neighbours) -> int:
    total = 0
    for layer, following in pairwise(layers):
        position = {spot: i for i, spot in enumerate(following)}
        seen: list[int] = []
        for spot in layer:
            ends = sorted(position[end] for end in after.get(spot, ()))
            total += sum(len(seen) - bisect.bisect_right(seen, end) for end in ends)
            for end in ends:
                bisect.insort(seen, end)
    return total


def _heights(layers: Sequence[Sequence[Spot]], neighbours: Neighbours) -> dict[Spot, float]:
    """Return the height of the middle of each spot: close to the mean of its neighbours, with gaps between spots."""
    heights = {spot: i * (HEIGHT + _BETWEEN_NODES) for layer in layers for i, spot in enumerate(layer)}
    for sweep in range(_SWEEPS):
        for layer in layers[:: 1 if sweep % 2 == 0 else -1]:
            wanted = []
            for spot in layer:
                found = [heights[other] for other in neighbours.get(spot, ())]
                wanted.append(sum(found) / len(found) if found else heights[spot])
            heights.update(zip(layer, _spread(wanted, [_gap(*pair) for pair in pairwise(layer)]), strict=True))
    top = min(heights.values(), default=0.0) - HEIGHT / 2
    return {spot: height - top for spot, height in heights.items()}


def _gap(upper: Spot, lower: Spot) -> float:
    both = [isinstance(spot[1], str) for spot in (upper, lower)]
    half = sum(HEIGHT / 2 for is_node in both if is_node)
    return half + (_BETWEEN_NODES if all(both) else _BETWEEN_EDGES)


def _spread(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return the positions closest to the desired ones (least squares) that keep their order and the gaps.

    >>> _spread([0, 0, 9], [2, 2])
    [-1.0, 1.0, 9.0]
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    blocks: list[tuple[float, int]] = []  # without the gaps, positions must not fall: merge neighbours that do
    for want, offset in zip(wanted, offsets, strict=False):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, others = blocks.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        blocks.append((mean, count))
    pooled = [mean for mean, count in blocks for _ in range(count)]
    return [position + offset for position, offset in zip(pooled, offsets, strict=False)]


def _columns(layers: Sequence[Sequence[Spot]]) -> list[tuple[float, float]]:
    """Return the left edge and the width of each layer: wide enough for its longest name."""
    columns, left = [], 0.0
    for layer in layers:
        longest = max((len(spot[1]) for spot in layer if isinstance(spot[1], str)), default=0)
        width = round(longest * _LETTER + _PADDING, 1)
        columns.append((left, width))
        left += width + _BETWEEN_LAYERS
    return columns


def _path(chain: Sequence[Spot], heights: Mapping[Spot, float], columns: Sequence[tuple[float, float]]) -> str:
    """Return the path of an edge: curves between layers, straight lines inside of a layer."""
    left, width = columns[chain[0][0]]
    pieces = [f"M{left + width:.1f} {heights[chain[0]]:.1f}"]
    for start, end in pairwise(chain):
        x, _ = columns[end[0]]
        middle = x - _BETWEEN_LAYERS / 2
        pieces.append(f"C{middle:.1f} {heights[start]:.1f} {middle:.1f} {heights[end]:.1f} {x:.1f} {heights[end]:.1f}")
        if end != chain[-1]:
            pieces.append(f"H{x + columns[end[0]][1]:.1f}")
    return "".join(pieces)


def _by_first(pairs: Iterable[tuple[T, T]]) -> dict[T, list[T]]:
    found: dict[T, list[T]] = {}
    for first, second in pairs:
        found.setdefault(first, []).append(second)
    return found
