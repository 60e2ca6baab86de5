"""`fft snapshot run`: builds of snapshots only, and the pruning of their old versions."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from fft_cli.groups import SuggestingGroup
from fft_cli.option_values import with_options
from fft_cli.run_options import RunOptions
from fft_cli.terminal import echo, echo_json

if TYPE_CHECKING:
    from fft_cli.running import Call


@click.group("snapshot", cls=SuggestingGroup)
def command() -> None:
    """Build snapshots, and delete their old versions."""


@command.command("run")
@with_options(RunOptions)
@click.option("--prune", is_flag=True, help="Delete old versions afterwards; needs --keep-last.")
@click.option("--keep-last", type=click.IntRange(min=1), metavar="N", help="With --prune: versions kept of each key.")
def run_snapshots(options: RunOptions, prune: bool, keep_last: int | None) -> None:
    """Build the snapshots that are out of date, without their inputs.

    With --dry-run, --prune lists the versions that it would delete. PROJECT is the folder with project.yml.
    """
    from fft_cli.running import build_planned, only
    from fft_core.run.work import planned

    if prune != (keep_last is not None):
        raise click.UsageError("--prune and --keep-last N need each other")
    todo = partial(planned, checks_alone=False)
    afterwards = None
    if keep_last is not None:
        afterwards = partial(_prune, keep_last=keep_last, dry_run=options.dry_run)
    sys.exit(build_planned("snapshot", options, todo, partial(only, kinds=("snapshot",)), afterwards))


def _prune(call: Call, names: tuple[str, ...], *, keep_last: int, dry_run: bool) -> None:
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.operations.prune import prunable_versions, prune_snapshot

    work = prunable_versions if dry_run else prune_snapshot
    with opened_warehouse(call.project, read_only=dry_run) as warehouse:
        for name in names:
            versions = work(warehouse, call.project.models[name], keep_last)
            if call.output.as_json:
                event = {"event": "would_prune" if dry_run else "pruned", "name": name, "versions": versions}
                echo_json(event, indent=None)
            elif not call.output.quiet:
                echo(f"{'would prune' if dry_run else 'pruned':11} {name}: {versions:,} versions")
