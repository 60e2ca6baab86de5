"""`fft seed`: the files of the seeds become tables."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fft_dagster.cli.run_options import run_options, takes_run

if TYPE_CHECKING:
    from fft_core import Project


@click.command("seed")
@takes_run
def command(**chosen: Any) -> None:  # Any: the values that run_options names
    """Load the seeds that changed, or are not there.

    PROJECT is the folder that holds project.yml.
    """
    from fft_dagster.cli.running import build_planned, planned

    sys.exit(build_planned("seed", run_options(**chosen), partial(planned, checks_alone=False), _seeds))


def _seeds(project: Project) -> frozenset[str]:
    return frozenset(project.seeds)
