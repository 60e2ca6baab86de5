"""`fft build`: a plan, then a Dagster run of the planned nodes."""

from __future__ import annotations

import sys
from functools import partial

import click

from fft_cli.option_values import with_options
from fft_cli.run_options import RunOptions


@click.command("build")
@with_options(RunOptions)
def command(options: RunOptions) -> None:
    """Build all nodes that are out of date: seeds, models, snapshots and their checks, through Dagster in this process.

    PROJECT is the folder with project.yml.
    """
    from fft_cli.running import build_planned
    from fft_core.run.work import planned

    sys.exit(build_planned("build", options, partial(planned, checks_alone=True), hooked=True))
