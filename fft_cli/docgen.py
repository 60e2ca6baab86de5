"""`fft docgen`: a static site about a project. The scheduler has the earlier results of checks."""

from __future__ import annotations

from pathlib import Path

import click

from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions
from fft_cli.terminal import echo

DEFAULT_FOLDER = Path("site") / "docs"


@click.command("docgen")
@with_options(ProjectOptions)
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the site. [default: site/docs of the project]",
)
@click.option("--emit-json", is_flag=True, help="Put manifest.json and catalog.json next to the pages.")
@click.option("--open-source", is_flag=True, help="Show the source of the models.")
@click.option("--no-catalog", is_flag=True, help="Open no database: columns and types as declared.")
@click.option("--no-history", is_flag=True, help="Leave out the results of checks in earlier runs.")
def command(
    options: ProjectOptions,
    folder: Path | None,
    emit_json: bool,
    open_source: bool,
    no_catalog: bool,
    no_history: bool,
) -> None:
    """Write a static site about the project: an index, the graph, its checks, a page for each model, seed and source.

    Checks are shown with their results in the last runs, and since when they fail.

    PROJECT is the folder with project.yml.
    """
    from fft_cli.face import face
    from fft_core import open_warehouse
    from fft_core.reports.catalog import read_catalog
    from fft_core.reports.site.site import write_docs
    from fft_core.reports.site.trend import SHOWN

    project = options.load()
    _refuse_own_folder(project.root, folder)
    catalog = None
    if not no_catalog:
        with open_warehouse(project, read_only=True) as warehouse:
            catalog = read_catalog(warehouse)
    out = folder or project.root / DEFAULT_FOLDER
    histories = {} if no_history or not project.checks else face().check_history(project, project.checks, SHOWN)
    write_docs(project, catalog, out, with_source=open_source, with_json=emit_json, histories=histories)
    echo(out / "index.html")


def _refuse_own_folder(root: Path, out: Path | None) -> None:
    """Raise UsageError for a folder that is read as a part of the project."""
    for name in ("models", "seeds", "tests") if out is not None else ():
        if out is not None and out.resolve().is_relative_to((root / name).resolve()):
            raise click.UsageError(f"--out: {out} is in the project's folder {name}/, where pages do not belong")
