"""`fft build`: plan, then a Dagster run of just what the plan names."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from fft_dagster.cli.options import PlanOptions, plan_options, takes_plan
from fft_dagster.cli.report import Report


@click.command("build")
@takes_plan
@click.option("--jobs", "-j", type=click.IntRange(min=1), help="Models built at a time.")
def command(jobs: int | None, **chosen: Any) -> None:  # Any: the values that plan_options names
    """Build what must be built: seeds, models and their checks, through Dagster in this process.

    PROJECT is the folder that holds project.yml.
    """
    sys.exit(build_project(plan_options(**chosen), jobs))


def build_project(options: PlanOptions, jobs: int | None) -> int:
    """Build what must be built through Dagster; give the exit code."""
    started = time.perf_counter()
    project, plan = options.make_plan()
    wanted = [d.name for d in plan.decisions if d.is_build or d.checks_are_due]
    click.echo(f"{project.name} on {project.engine}, profile {project.env}: {len(plan.builds)} to build")
    report = Report(names=wanted, unchanged=len(plan.decisions) - len(wanted))
    if wanted:
        from fft_dagster.runs import open_instance, run_nodes  # imports Dagster, which costs a second

        with open_instance(project.root) as instance:
            for event in run_nodes(project, wanted, instance, options.request, jobs):
                report.see(event)
    for failure in report.failures:
        click.echo(f"\n{click.style('error', fg='red', bold=True)}: {failure}", err=True)
    click.echo(report.summary(time.perf_counter() - started))
    return report.exit_code
