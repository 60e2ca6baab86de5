"""`fft test`: checks of what is published, without building."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from fft_dagster.cli.options import project_options, selection_options, takes_project, takes_selection, with_options
from fft_dagster.cli.run_options import JOBS, OUTPUT, Output


@click.command("test")
@takes_project
@takes_selection
@lambda command: with_options(command, [JOBS, *OUTPUT])
@click.option("--skip-build", is_flag=True, help="Accepted, and needless: nothing is built in any case.")
def command(
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    changed_since: str | None,
    jobs: int | None,
    quiet: bool,
    verbose: int,
    as_json: bool,
    skip_build: bool,
    **project: Any,  # Any: the values that project_options names
) -> None:
    """Run the checks of published models, seeds and sources: all of them, or those that are selected.

    A selection means the checks of models and seeds, and checks by their own tags and names. PROJECT is the folder
    that holds project.yml.
    """
    from fft_core import Run, select_checks
    from fft_dagster.cli.running import Call, Todo, run

    began = time.perf_counter()
    output = Output(quiet, verbose, as_json)
    loaded = output.of(project_options(**project)).load()
    selection = selection_options(select, exclude, changed_since)
    checks = select_checks(loaded, selection.select, selection.exclude, changed_since=selection.changed_since)
    call = Call("test", Run(loaded), output, began, jobs, keep_going=True)
    sys.exit(run(call, Todo(f"{len(checks)} checks", checks=checks)))
