"""`fft dag`: the graph as text for Mermaid, or as a page. Nothing here imports Dagster."""

from __future__ import annotations

from typing import Any

import click

from fft_dagster.cli.options import project_options, selection_options, takes_project, takes_selection
from fft_dagster.cli.terminal import echo


@click.command("dag")
@takes_project
@takes_selection
@click.option("--html", is_flag=True, help="Write a page into docs.dag_dir of project.yml. [default: site/dag]")
def command(
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    changed_since: str | None,
    html: bool,
    **chosen: Any,  # Any: the values that project_options names
) -> None:
    """Print the graph as text for Mermaid, or write it as a page. Opens no database, unless `state:` asks for it.

    PROJECT is the folder that holds project.yml.
    """
    from fft_core import graph_of, mermaid, write_dag

    project = project_options(**chosen).load()
    selection = selection_options(select, exclude, changed_since)
    graph = graph_of(project, selection.names(project) if selection.narrows else None)
    echo(write_dag(project, graph) if html else mermaid(graph))
