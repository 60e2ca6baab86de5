"""`fft dag`: the graph as text for Mermaid, or as a page. Nothing here imports Dagster."""

from __future__ import annotations

import click

from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo


@click.command("dag")
@with_options(ProjectOptions, Selection)
@click.option("--html", is_flag=True, help="Write a page into docs.dag_dir of project.yml. [default: site/dag]")
@click.option(
    "--with-schema/--no-schema",
    default=True,
    help="Accepted and ignored: a page always shows the described columns.",
)
def command(
    options: ProjectOptions,
    selection: Selection,
    html: bool,
    with_schema: bool,
) -> None:
    """Print the graph as text for Mermaid, or write it as a page. Opens no database, except for `state:`.

    PROJECT is the folder with project.yml.
    """
    from fft_core.reports.site.graph import graph_of
    from fft_core.reports.site.mermaid import mermaid
    from fft_core.reports.site.site import write_dag

    project = options.load()
    graph = graph_of(project, selection.names(project) if selection.narrows else None)
    echo(write_dag(project, graph) if html else mermaid(graph))
