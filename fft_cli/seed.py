"""`fft seed`: the files of seeds become tables."""

from __future__ import annotations

import sys
from functools import partial

import click

from fft_cli.option_values import with_options
from fft_cli.run_options import RunOptions


@click.command("seed")
@with_options(RunOptions)
def command(options: RunOptions) -> None:
    """Load the seeds that have changed, or have no table.

    PROJECT is the folder with project.yml.
    """
    from fft_cli.running import build_planned, only
    from fft_core.run.work import planned

    seeds = partial(only, kinds=("seed",))
    sys.exit(build_planned("seed", options, partial(planned, checks_alone=False), seeds))
