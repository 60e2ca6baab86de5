"""The options of the commands that run something, and the values that they become. Imports nothing slow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import click

from fft_dagster.cli.options import Command, PlanOptions, ProjectOptions, plan_options, takes_plan, with_options

OUTPUT = [
    click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors."),
    click.option("--verbose", "-v", count=True, help="Print reasons, too; -vv: every statement, on stderr."),
    click.option("--json", "as_json", is_flag=True, envvar="FFT_LOG_JSON", help="Print a JSON object for each event."),
]
JOBS = click.option("--jobs", "-j", type=click.IntRange(min=1), help="How many run at a time.")
_RUN = [
    JOBS,
    click.option("--keep-going", is_flag=True, help="After a failure, build what does not depend on it."),
    click.option("--dry-run", is_flag=True, help="Print the plan, and change nothing."),
    *OUTPUT,
]


@dataclass(frozen=True)
class Output:
    """How much is printed, and how."""

    quiet: bool = False
    verbosity: int = 0
    as_json: bool = False

    @property
    def shows_reasons(self) -> bool:
        """Whether more is told of each model than that it is built."""
        return self.verbosity >= 1

    def of(self, project: ProjectOptions) -> ProjectOptions:
        """Show the statements of a project, too, where it is asked for."""
        return replace(project, shows_statements=self.verbosity >= 2, as_json=self.as_json)


@dataclass(frozen=True)
class RunOptions:
    """What commands that build have in common."""

    plan: PlanOptions
    jobs: int | None
    keep_going: bool
    dry_run: bool
    output: Output


def takes_run(command: Command) -> Command:
    """Add all that a command takes that builds something; `run_options` makes the value."""
    return takes_plan(with_options(command, _RUN))


def run_options(
    jobs: int | None,
    keep_going: bool,
    dry_run: bool,
    quiet: bool,
    verbose: int,
    as_json: bool,
    **plan: Any,  # Any: the values that plan_options names
) -> RunOptions:
    """Make the value of what `takes_run` adds."""
    planned, output = plan_options(**plan), Output(quiet, verbose, as_json)
    return RunOptions(replace(planned, project=output.of(planned.project)), jobs, keep_going, dry_run, output)
