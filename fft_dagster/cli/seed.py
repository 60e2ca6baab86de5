"""`fft seed`: the files of the seeds become tables."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import click

from fft_dagster.cli.run_options import run_options, takes_run


@click.command("seed")
@takes_run
def command(**chosen: Any) -> None:  # Any: the values that run_options names
    """Load the seeds that changed, or are not there.

    PROJECT is the folder that holds project.yml.
    """
    from fft_dagster.cli.running import build_planned, only, planned

    seeds = partial(only, kinds=("seed",))
    sys.exit(build_planned("seed", run_options(**chosen), partial(planned, checks_alone=False), seeds))
