"""`fft build`: plan, then a Dagster run of just what the plan names."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click

from fft_dagster.cli.run_options import run_options, takes_run


@click.command("build")
@takes_run
def command(**chosen: Any) -> None:  # Any: the values that run_options names
    """Build what must be built: seeds, models, snapshots and their checks, through Dagster in this process.

    PROJECT is the folder that holds project.yml.
    """
    from fft_dagster.cli.running import build_planned, planned

    sys.exit(build_planned("build", run_options(**chosen), partial(planned, checks_alone=True)))
