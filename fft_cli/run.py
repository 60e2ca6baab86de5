"""`fft run`: the models and the seeds that they read, without snapshots and checks that stand alone."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from fft_cli.option_values import with_options
from fft_cli.options import Selection
from fft_cli.run_options import RunOptions

if TYPE_CHECKING:
    from fft_core import Project


@click.command("run")
@with_options(RunOptions)
@click.option("--no-seeds", is_flag=True, help="Leave out the seeds that the models read.")
def command(options: RunOptions, no_seeds: bool) -> None:
    """Build the models that must be built, and the seeds that they read, but no snapshots.

    Blocking checks judge the new rows before they are published, as in fft build. Checks of what is not built do not
    run. PROJECT is the folder that holds project.yml.
    """
    from fft_cli.running import build_planned, planned

    among = partial(models_and_seeds, with_seeds=not no_seeds)
    sys.exit(build_planned("run", options, partial(planned, checks_alone=False), among))


def models_and_seeds(
    project: Project, selection: Selection, chosen: frozenset[str], *, with_seeds: bool
) -> frozenset[str]:
    """Keep the selected models, and add the seeds that they read, apart from those that `--exclude` names."""
    from fft_cli.running import only

    models = only(project, selection, chosen, ("model",))
    if not with_seeds:
        return models
    parents = {parent for name in models for parent in project.stored_inputs(project.models[name])}
    behind = (parent if isinstance(parent, str) else project.seed_behind(parent) for parent in parents)
    read = frozenset(name for name in behind if name is not None and name in project.seeds)
    if read and selection.exclude:
        read &= Selection(exclude=selection.exclude).names(project)
    return models | read
