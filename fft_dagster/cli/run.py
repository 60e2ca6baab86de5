"""`fft run`: the models, without seeds, snapshots and checks that stand alone."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fft_dagster.cli.run_options import run_options, takes_run

if TYPE_CHECKING:
    from fft_core import Project


@click.command("run")
@takes_run
def command(**chosen: Any) -> None:  # Any: the values that run_options names
    """Build the models that must be built, but no seeds and snapshots.

    Blocking checks judge the new rows before they are published, as in fft build. Checks of what is not built do not
    run. PROJECT is the folder that holds project.yml.
    """
    from fft_dagster.cli.running import build_planned, planned

    sys.exit(build_planned("run", run_options(**chosen), partial(planned, checks_alone=False), _models))


def _models(project: Project) -> frozenset[str]:
    names = (model.name for model in project.models.values() if model.materialization.name != "snapshot")
    return frozenset(names)
