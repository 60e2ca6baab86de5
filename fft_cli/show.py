"""`fft show`: the first rows of a model's query, or its SQL. Nothing here imports Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from fft_cli.cells import aligned, cell_text, json_value
from fft_cli.completion import complete_names
from fft_cli.option_values import included, with_options
from fft_cli.options import DEFERRED, ProjectOptions
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core import Model, Project, Seed, Source, Warehouse
    from fft_core.operations.preview import Preview


@dataclass(frozen=True)
class ShowOptions:
    """The options of `fft show`: the project, and the environment of its inputs."""

    project: ProjectOptions = field(metadata=included(ProjectOptions))
    defer: str | None = field(metadata=DEFERRED)

    @contextmanager
    def opened(self, project: Project) -> Iterator[Warehouse]:
        """Open the warehouse; inputs without a table are read from another environment, if requested."""
        from fft_cli.ctrl_c import opened_warehouse
        from fft_core import Run

        run = Run(project, nodes=frozenset(), defer=self.defer)
        with opened_warehouse(project, read_only=True) as warehouse:
            if run.defer:
                run.rebuilder.settle(warehouse)
            yield warehouse


@click.command("show")
@click.argument("model", required=False, shell_complete=complete_names)
@with_options(ShowOptions)
@click.option(
    "--limit", "-n", type=click.IntRange(min=1), default=10, show_default=True, help="The number of rows to show."
)
@click.option("--sql", "only_sql", is_flag=True, help="Print the SQL instead; opens the database only for Ibis models.")
@click.option("--inline", metavar="QUERY", help="A query to use instead of MODEL; ref() and macros work in it.")
@click.option("--config", "only_config", is_flag=True, help="List the settings of MODEL and their files instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    options: ShowOptions,
    model: str | None,
    limit: int,
    only_sql: bool,
    inline: str | None,
    only_config: bool,
    as_json: bool,
) -> None:
    """Show the first rows of a model's query, run on published tables. Builds nothing.

    MODEL may also be a seed, or a source as group.table. For these, and for Python models that do not take Ibis tables,
    the published rows are shown. PROJECT is the folder with project.yml.
    """
    from fft_core import FftError, Model, preview
    from fft_core.operations.preview import find_node, inline_model

    if inline is not None and model is not None:  # then the argument is the project
        if click.get_current_context().get_parameter_source("root") is not ParameterSource.DEFAULT:
            raise click.UsageError("name a model or use --inline, not both")
        options = replace(options, project=replace(options.project, root=Path(model)))
    elif inline is None and model is None:
        raise click.UsageError("name a model, or give a query with --inline")
    elif _is_project(Path(str(model))) and not _is_project(options.project.root):
        raise click.UsageError(f"the model comes first: fft show {options.project.root} {model}")
    project = options.project.load()
    if only_config:
        if only_sql or inline is not None or model is None:
            raise click.UsageError("--config takes one model or seed, and cannot be combined with --sql or --inline")
        _show_config(project, model, as_json=as_json)
        return
    node: Model | Seed | Source
    project, node = inline_model(project, inline) if inline is not None else (project, find_node(project, str(model)))
    if only_sql:
        if not isinstance(node, Model):
            raise FftError(f"{str(node.name)!r} has no SQL: it is not a model", code="FFT-300")
        text = _sql_of(options, project, node)
        if as_json:
            echo_json({"model": node.name, "sql": text})
        else:
            echo(text)
        return
    with options.opened(project) as warehouse:
        shown = preview(warehouse, node, limit)
    if as_json:
        echo_json(_as_json(shown))
    else:
        echo("\n".join(_lines(shown)))


def _is_project(folder: Path) -> bool:
    return (folder / "project.yml").is_file()


def _show_config(project: Project, name: str, *, as_json: bool) -> None:
    """Print each setting of a model or seed, with the places that set it, and its relation."""
    from fft_core.names import model_name
    from fft_core.operations.written_settings import written_settings
    from fft_core.warehouse.warehouse import planned_relations

    settings = written_settings(project, name)
    is_there = model_name(name) in {node.name for node in project.stored()}
    relation = str(planned_relations(project)(model_name(name))) if is_there else None
    if as_json:
        said = {s.name: {"value": json_value(s.value), "places": list(map(str, s.places))} for s in settings}
        echo_json({"name": model_name(name), "relation": relation, "settings": said})
        return
    rows = [(s.name, cell_text(s.value, quotes=False), ", ".join(map(str, s.places))) for s in settings]
    head, *lines = aligned([("setting", "value", "written in"), *rows])
    echo("\n".join([style(head, bold=True), *lines]) if rows else f"{model_name(name)} has no settings")
    if relation is not None:
        echo(f"\nits relation is {relation}")


def _sql_of(options: ShowOptions, project: Project, model: Model) -> str:
    from fft_core.operations.preview import rendered_sql

    if not model.is_lazy and not options.defer:
        return rendered_sql(project, model)
    with options.opened(project) as warehouse:  # it depends on the columns of its inputs, or on their places
        return rendered_sql(project, model, warehouse)


def _lines(shown: Preview) -> Iterator[str]:
    right = [_is_number(shown, index) for index in range(len(shown.columns))]
    names, types = [column.name for column in shown.columns], [column.type for column in shown.columns]
    rows = [[_cell(value) for value in row] for row in shown.rows]
    head, kinds, *body = aligned([names, types, *rows], right=right)
    yield style(head, bold=True)
    yield style(kinds, dim=True)
    yield from body
    count = len(shown.rows)
    rows_said = f"{count} row{'' if count == 1 else 's'}"
    said = f"the first {rows_said}" if shown.has_more else rows_said
    yield f"\n{said}" + (f", as published in {shown.published}" if shown.published else "")


def _cell(value: object) -> str:
    text = cell_text(value, quotes=False)
    return style(text, dim=True) if value is None else text


def _is_number(shown: Preview, index: int) -> bool:
    values = [row[index] for row in shown.rows if row[index] is not None]
    return bool(values) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in values)


def _as_json(shown: Preview) -> dict[str, object]:
    names = [column.name for column in shown.columns]
    return {
        "columns": [{"name": column.name, "type": column.type} for column in shown.columns],
        "rows": [dict(zip(names, map(json_value, row), strict=True)) for row in shown.rows],
        "has_more": shown.has_more,
        "published": str(shown.published) if shown.published else None,
    }
