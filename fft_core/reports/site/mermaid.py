"""A graph as Mermaid text, which GitHub, GitLab and many editors draw."""

from __future__ import annotations

import html

from fft_core.reports.site.graph import Graph, GraphNode, NodeShape

_SHAPES: dict[NodeShape, str] = {
    "table": '["{}"]',
    "view": '("{}")',
    "materialized_view": '("{}")',
    "ephemeral": '(["{}"])',
    "incremental": '[["{}"]]',
    "snapshot": '[["{}"]]',
    "sessions": '[["{}"]]',
    "seed": '[/"{}"/]',
    "source": '[("{}")]',
}


def mermaid(graph: Graph) -> str:
    """Render a graph from left to right.

    >>> print(mermaid(Graph((GraphNode("users", "seed"), GraphNode("people", "table", "sql")), (("users", "people"),))))
    flowchart LR
        n_users[/"users"/]
        n_people["people"]
        n_users --> n_people
    """
    ids = {node.name: _id(node, number) for number, node in enumerate(graph.nodes)}
    nodes = [f"{ids[node.name]}{_SHAPES[node.shape].format(_text(node.name))}" for node in graph.nodes]
    edges = [f"{ids[start]} --> {ids[end]}" for start, end in graph.edges]
    return "\n".join(["flowchart LR", *(f"    {line}" for line in [*nodes, *edges])])


def _id(node: GraphNode, number: int) -> str:
    """Return an id that is not a keyword of Mermaid, such as `end`; a source's name may have any characters."""
    return f"source{number}" if node.shape == "source" else f"n_{node.name}"


def _text(name: str) -> str:
    """Return a label as HTML, whose codes all versions decode; some do not decode Mermaid's own (`#quot;`)."""
    return html.escape(name, quote=False).replace('"', "&quot;").replace("`", "'")
