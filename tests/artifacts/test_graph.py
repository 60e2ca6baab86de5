"""The graph that is shown: what belongs to it, as Mermaid's text, and where it is drawn."""

from __future__ import annotations

import random
import re
from itertools import combinations
from pathlib import Path

import pytest
from flower_shop import load_shop, write_shop
from hypothesis import given, settings
from hypothesis import strategies as st

from fft_core import select
from fft_core.reports.site.graph import Graph, GraphNode, graph_of
from fft_core.reports.site.layout import Box, draw
from fft_core.reports.site.mermaid import mermaid


def shown(root: Path, *selected: str) -> set[str]:
    project = load_shop(root)
    return {node.name for node in graph_of(project, select(project, selected) if selected else None).nodes}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path)


@pytest.mark.parametrize(
    ("selected", "names"),
    [
        ("", "crm.visits users cleaned people counted recent"),
        ("people", "cleaned people"),  # what it inlines is part of it
        ("recent", "crm.visits recent"),
        ("+counted", "users cleaned people counted"),
        ("kind:seed", "users"),
    ],
)
def test_what_is_selected_comes_with_what_it_takes_in(shop: Path, selected: str, names: str) -> None:
    assert shown(shop, *([selected] if selected else [])) == set(names.split())


def test_edges_are_those_between_what_is_shown(shop: Path) -> None:
    project = load_shop(shop)
    assert graph_of(project, frozenset({"people", "counted"})).edges == (("cleaned", "people"), ("people", "counted"))


def test_a_source_that_a_seed_fills_is_that_seed(shop: Path) -> None:
    write_shop(shop, {"seeds/visits.csv": "user_id,day\n1,2026-01-31\n"})
    graph = graph_of(load_shop(shop))
    assert ("visits", "recent") in graph.edges
    assert "crm.visits" not in {node.name for node in graph.nodes}


def test_the_neighbourhood_of_a_node(shop: Path) -> None:
    graph = graph_of(load_shop(shop))
    assert {node.name for node in graph.around("cleaned", 1).nodes} == {"users", "cleaned", "people"}
    near = graph.around("people", 2)
    assert {node.name for node in near.nodes} == {
        "users",
        "cleaned",
        "people",
        "counted",
        "recent",
    }  # no source of a child
    assert graph.parents("recent") == ("people", "crm.visits")
    assert graph.children("people") == ("counted", "recent")


def test_mermaid_text(shop: Path) -> None:
    assert (
        mermaid(graph_of(load_shop(shop)))
        == """\
flowchart LR
    source0[("crm.visits")]
    n_users[/"users"/]
    n_cleaned(["cleaned"])
    n_people["people"]
    n_counted["counted"]
    n_recent("recent")
    n_users --> n_cleaned
    n_cleaned --> n_people
    n_people --> n_counted
    n_people --> n_recent
    source0 --> n_recent"""
    )


def test_mermaid_text_of_names_that_mean_something_to_it() -> None:
    graph = Graph((GraphNode('a"]-->b<c>.d', "source"), GraphNode("end", "view", "sql")), (('a"]-->b<c>.d', "end"),))
    assert mermaid(graph).splitlines()[1:] == [
        '    source0[("a&quot;]--&gt;b&lt;c&gt;.d")]',
        '    n_end("end")',
        "    source0 --> n_end",
    ]
    assert mermaid(Graph((), ())) == "flowchart LR"


@st.composite
def graphs(draw_from: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    """Names, each after what it reads, and edges."""
    count = draw_from(st.integers(0, 14))
    names = [f"m{i}" for i in range(count)]
    pairs = list(combinations(names, 2))
    return names, draw_from(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []


def passes(box: Box, path: str) -> bool:
    """Whether the straight pieces of a path go through a box."""
    x, y = 0.0, 0.0
    for letter, numbers in re.findall(r"([MCH])([-\d. ]+)", path):
        values = [float(number) for number in numbers.split()]
        if letter == "H":
            if x < box.x + box.width and values[0] > box.x and box.y < y < box.y + box.height:
                return True
            x = values[0]
        else:
            x, y = values[-2:]
    return False


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_nothing_is_drawn_over_something_else(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    names, edges = graph
    drawing = draw(names, edges)
    boxes = {box.name: box for box in drawing.boxes}
    assert list(boxes) == names
    for one, other in combinations(drawing.boxes, 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    assert [(line.start, line.end) for line in drawing.lines] == edges
    for line in drawing.lines:
        start, end = boxes[line.start], boxes[line.end]
        assert start.x + start.width < end.x  # all edges go from left to right
        assert not any(passes(box, line.path) for box in drawing.boxes)
    for box in drawing.boxes:
        assert -0.01 <= box.x <= drawing.width - box.width + 0.01
        assert -0.01 <= box.y <= drawing.height - box.height + 0.01


def test_layers_are_sorted_so_that_edges_do_not_cross() -> None:
    names = [f"a{i}" for i in range(8)] + [f"b{i}" for i in range(8)]
    pairs = [(f"a{i}", f"b{i}") for i in range(8)]
    chance = random.Random(3)
    shuffled = names[:8] + chance.sample(names[8:], 8)
    boxes = {box.name: box for box in draw(shuffled, pairs).boxes}
    assert [boxes[start].y for start, _ in pairs] == [boxes[end].y for _, end in pairs]
