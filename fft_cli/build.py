"""`fft build`: plan, then a Dagster run of just what the plan names."""

from __future__ import annotations

import sys
from functools import partial

import click

from fft_cli.option_values import with_options
from fft_cli.run_options import RunOptions


@click.command("build")
@with_options(RunOptions)
def command(options: RunOptions) -> None:
    """Build what must be built: seeds, models, snapshots and their checks, through Dagster in this process.

    PROJECT is the folder that holds project.yml.
    """
    from fft_cli.running import build_planned
    from fft_core.run.work import planned

    sys.exit(build_planned("build", options, partial(planned, checks_alone=True), hooked=True))
