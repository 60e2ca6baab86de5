"""The first rows of a model's query, without a build, and its SQL as it would be sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fft_core.build.rows import explained, how_to_get, model_rows, text_of
from fft_core.compile.render import Naming, Renderer
from fft_core.engines.protocol import ColumnType, Row
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import FftError, MissingRelationError, Problem, ProjectError, RequestError, nearest
from fft_core.names import Relation, model_name
from fft_core.project.model import Model, Project, Seed, Source
from fft_core.warehouse.warehouse import Warehouse, planned_relations

INLINE = Path("_inline.ff.sql")  # the path in messages for a query that has no file


@dataclass(frozen=True)
class Preview:
    """The first rows of a node; `published` is the relation that they were read from, if a query was not run."""

    columns: tuple[ColumnType, ...]
    rows: tuple[Row, ...]
    has_more: bool
    published: Relation | None = None


def find_node(project: Project, name: str) -> Model | Seed | Source:
    """Find a model or seed by name, or a source as group.table. Raises RequestError if there is none."""
    if model_name(name) in {*project.models, *project.seeds}:
        return project.node(name)
    sources = {str(source): value for source, value in project.sources.items()}
    if name in sources:
        return sources[name]
    hint = nearest(model_name(name), [*project.models, *project.seeds, *sources])
    raise RequestError(f"{name!r} is not a model, seed or source", hint=hint, code="FFT-301")


def rendered_sql(project: Project, model: Model, warehouse: Warehouse | None = None) -> str:
    """Render a SQL model as its first build does; opens no database. Credentials are shown as @env:NAME.

    Args:
        project: A loaded project.
        model: A SQL model, or a Python model that takes Ibis tables.
        warehouse: An open warehouse. Lazy Python models need one, because their SQL depends on the columns of their
            inputs. It also has the places of inputs that are read from another environment.

    Raises:
        RenderError: the template fails.
        MissingRelationError: an input of a lazy model does not exist.
        FftError: it is another kind of Python model.
    """
    if model.is_lazy and warehouse is not None:
        with explained(warehouse, model):
            return warehouse.masker(text_of(warehouse, model, warehouse.naming).sql)
    if model.kind != "sql":
        kind = "stream" if model.kind == "stream" else "Python model"
        raise FftError(f"{model.name!r} is a {kind}: it has no SQL", where=model.location, code="FFT-300")
    relation_of = warehouse.relation if warehouse is not None else planned_relations(project)
    naming = Naming(relation_of, spec_of(project.engine).spelling, hides="credentials")
    return Renderer(project).sql(model, naming)


def preview(warehouse: Warehouse, node: Model | Seed | Source, limit: int) -> Preview:
    """Return the first rows of a model's query; of other Python models, seeds and sources, the published rows.

    Args:
        warehouse: An open warehouse, which may be read-only.
        node: An incremental model is shown as its first build would make it.
        limit: The number of rows.

    Raises:
        MissingRelationError: an input does not exist.
        RenderError, StatementError: the model fails.

    >>> from fft_core import Run, load_project, preview
    >>> with Run(load_project("shop"), nodes={"raw_users"}) as run:
    ...     results = [run.build(node) for node in run.order()]
    ...     with run.open(read_only=True) as warehouse:
    ...         preview(warehouse, warehouse.project.models["users"], limit=1).rows
    ((1, 'ann@example.com'),)
    """
    engine = warehouse.engine
    with _query(warehouse, node) as query:
        columns = engine.columns(query)
        rows = engine.fetch(f"select * from (\n{query}\n) as shown limit {limit + 1}")
    is_query = isinstance(node, Model) and node.has_query
    published = None if is_query else warehouse.relation(node.name)
    return Preview(columns, tuple(rows[:limit]), len(rows) > limit, published)


def inline_model(project: Project, text: str) -> tuple[Project, Model]:
    """Make a model from a query, and return it with a project that has it as an additional model.

    Raises:
        ProjectError: its template is malformed, or an input does not exist.
    """
    from fft_core.project.read.link import unknown_inputs  # imports the parsers, which only this function needs
    from fft_core.project.read.parse import Reading, sql_draft
    from fft_core.project.read.scope import Scope
    from fft_core.project.read.sql_file import new_environment, parse_macros

    jinja = new_environment()
    texts, dialect = project.macros.items(), project.engine
    macros = {m.name: m for path, code in texts for m in parse_macros(code, path, jinja, dialect)[0]}
    problems: list[Problem] = []
    scope = Scope(dialect, project.environment)
    reading = Reading(problems, scope, python_macros=project.python_macros, macros=macros)
    for draft in sql_draft(text, INLINE, reading):
        model = draft.alone(problems)
        problems.extend(unknown_inputs(model, project))
        if not problems:
            return replace(project, models={**project.models, model.name: model}), model
    raise ProjectError(problems)


@contextmanager
def _query(warehouse: Warehouse, node: Model | Seed | Source) -> Iterator[str]:
    if isinstance(node, Model) and node.has_query:
        with model_rows(warehouse, node) as rows:
            yield rows.sql
        return
    relation = warehouse.relation(node.name)
    if relation not in warehouse.engine.inspect([relation]):
        what = f"the published relation of {node.name}" if isinstance(node, Model) else str(node.name)
        raise MissingRelationError(f"{what} does not exist: {relation}", hint=how_to_get(warehouse, node.name))
    yield warehouse.engine.spelling.select_all(relation)
