"""Pages of a project as text: one for each model, seed and source, an index with a search, and the graph."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from fft_core.errors import ArtifactError
from fft_core.names import Relation
from fft_core.names.columns import paired
from fft_core.names.text import visible
from fft_core.project.model import Model, Project, Seed, Source
from fft_core.reports.catalog import Catalog, CatalogEntry
from fft_core.reports.site.checks import CheckLine, Histories, check_lines, check_types
from fft_core.reports.site.graph import Graph, GraphNode, graph_of
from fft_core.reports.site.layout import Drawing, draw
from fft_core.version import VERSION
from fft_core.warehouse.warehouse import planned_relations

if TYPE_CHECKING:
    import jinja2

Documented: TypeAlias = Model | Seed | Source
GENERATOR = "fft docgen"
NO_HISTORY: Histories = MappingProxyType({})
FOLDERS = ("models", "seeds", "sources")
_STEPS = 2


@dataclass(frozen=True)
class PageColumn:
    """A column on a page: as declared, with its type in the database."""

    name: str
    type: str | None
    description: str | None
    is_missing: bool = False


@dataclass(frozen=True)
class Page:
    """The content of one node's page. `graph` is the part of the project's graph around it."""

    node: GraphNode
    href: str
    documented: Documented
    graph: Graph
    relation: Relation | None
    entry: CatalogEntry | None
    checks: tuple[CheckLine, ...]
    source: str | None

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def description(self) -> str | None:
        """The description of the node in the project."""
        return self.documented.description

    @property
    def first_line(self) -> str:
        """The description's first line."""
        return (self.description or "").strip().partition("\n")[0]

    @property
    def file(self) -> str:
        """The file of the node, relative to the project."""
        where = self.documented.location.path if isinstance(self.documented, Source) else self.documented.path
        return where.as_posix()

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags."""
        return self.documented.tags

    @property
    def owners(self) -> tuple[str, ...]:
        """The owners of the node."""
        return () if isinstance(self.documented, Source) else self.documented.owners

    @property
    def parents(self) -> tuple[str, ...]:
        """The direct inputs of the node."""
        return self.graph.parents(self.name)

    @property
    def children(self) -> tuple[str, ...]:
        """The direct readers of the node."""
        return self.graph.children(self.name)

    @property
    def columns(self) -> tuple[PageColumn, ...]:
        """The columns of the relation in their order, then those that are only declared."""
        declared = {column.name: column for column in self.documented.columns}
        there = self.entry.columns if self.entry else ()
        pairs = paired((column.name for column in there), declared)
        is_known = self.entry is not None and self.entry.error is None
        found = []
        for column in there:
            said = declared.pop(pairs.get(column.name, ""), None)
            found.append(PageColumn(column.name, column.type, said.description if said else None))
        rest = (PageColumn(c.name, c.type, c.description, is_missing=is_known) for c in declared.values())
        return (*found, *rest)

    @property
    def search(self) -> str:
        """The text that the search on the index matches, in lower case."""
        columns = [text for column in self.columns for text in (column.name, column.description)]
        texts = [self.name, self.description, self.file, *self.tags, *self.owners, *columns]
        return " ".join(text for text in texts if text).lower()

    @cached_property
    def drawing(self) -> Drawing:
        """The layout of its graph."""
        return drawn(self.graph)


def render_site(
    project: Project,
    catalog: Catalog | None,
    *,
    with_source: bool = False,
    histories: Histories = NO_HISTORY,
) -> Mapping[str, str]:
    """Return the text of each page by its path, relative to the folder of the site.

    Args:
        project: A project.
        catalog: The relations in its database; None if unknown.
        with_source: Whether to show the files of the models.
        histories: The results of checks in earlier runs, by node and name.

    Raises:
        ArtifactError: the file of a model cannot be read.
        ProfileError: the profile cannot be used.
    """
    graph = graph_of(project)
    hrefs = _hrefs(graph)
    relation_of = planned_relations(project)
    documented_by_name = _documented(project)
    jinja = _environment(project)
    lines = check_lines(project, hrefs, histories)
    lines_of: dict[object, list[CheckLine]] = {}
    for line in lines:
        lines_of.setdefault(line.check.node, []).append(line)
    shared = {"hrefs": hrefs, "with_catalog": catalog is not None}
    pages = [
        Page(
            node=node,
            href=hrefs[node.name],
            documented=documented,
            graph=graph.around(node.name, _STEPS),
            relation=None if node.shape == "ephemeral" else relation_of(documented.name),
            entry=catalog.entries.get(node.name) if catalog else None,
            checks=tuple(lines_of.get(documented.name, ())),
            source=_source_of(project, documented) if with_source and isinstance(documented, Model) else None,
        )
        for node in graph.nodes
        for documented in [documented_by_name[node.name]]
    ]
    template = jinja.get_template("node.html.j2")
    texts = {page.href: template.render(page=page, **shared) for page in pages}
    texts["index.html"] = jinja.get_template("index.html.j2").render(groups=_groups(pages))
    texts["checks.html"] = jinja.get_template("checks.html.j2").render(lines=lines, types=check_types(project, hrefs))
    texts["dag.html"] = jinja.get_template("dag.html.j2").render(graph=graph, drawing=drawn(graph), **shared)
    return {href: visible(text) for href, text in texts.items()}


def render_dag(project: Project, graph: Graph) -> str:
    """Return a single page with a graph, without further files."""
    template = _environment(project).get_template("dag.html.j2")
    return visible(template.render(graph=graph, drawing=drawn(graph), hrefs={}))


def drawn(graph: Graph) -> Drawing:
    """Compute the layout of a graph."""
    return draw([node.name for node in graph.nodes], graph.edges)


def _environment(project: Project) -> jinja2.Environment:
    import jinja2  # only pages need it

    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        project=project,
        generator=GENERATOR,
        version=VERSION,
        now=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )
    return environment


def _documented(project: Project) -> dict[str, Documented]:
    sources = {str(name): source for name, source in project.sources.items()}
    return {**sources, **project.seeds, **project.models}


def _source_of(project: Project, model: Model) -> str:
    try:
        return project.file(model.path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"cannot read {model.path}: {error}", code="FFT-711") from error


def _groups(pages: list[Page]) -> list[tuple[str, list[Page]]]:
    ordered = sorted(pages, key=lambda page: page.name)
    return [
        ("Models", [page for page in ordered if isinstance(page.documented, Model)]),
        ("Seeds", [page for page in ordered if isinstance(page.documented, Seed)]),
        ("Sources", [page for page in ordered if isinstance(page.documented, Source)]),
    ]


def _hrefs(graph: Graph) -> dict[str, str]:
    return {node.name: f"{_folder(node)}/{_file_name(node)}.html" for node in graph.nodes}


def _folder(node: GraphNode) -> str:
    models, seeds, sources = FOLDERS
    return {"seed": seeds, "source": sources}.get(node.shape, models)


def _file_name(node: GraphNode) -> str:
    """Return a file name for a node that every file system accepts: the name of a source may have any characters.

    >>> _file_name(GraphNode("crm.users", "source")), _file_name(GraphNode("crm.a/b", "source"))
    ('crm.users', 'crm.a-b-1f7994fd')
    """
    plain = re.sub(r"[^a-z0-9_.]", "-", node.name.lower())[:100]
    if node.shape != "source" or plain == node.name:
        return node.name
    return f"{plain}-{hashlib.sha256(node.name.encode()).hexdigest()[:8]}"
