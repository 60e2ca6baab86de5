"""`fft plan`: what a run would build, and why. Nothing here imports Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fft_dagster.cli.options import plan_options, takes_plan
from fft_dagster.cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core import Plan

PATIENCE_SECONDS = 60  # a build waits for others as long as its profile says; a question is not worth that
_COLORS = {"build": "green", "reuse": "bright_black"}


@click.command("plan")
@takes_plan
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool, **chosen: Any) -> None:  # Any: the values that plan_options names
    """Say what `fft build` would build and what it would reuse, and why. Changes nothing.

    PROJECT is the folder that holds project.yml.
    """
    _, plan = plan_options(**chosen).make_plan(patience_seconds=PATIENCE_SECONDS)
    print_plan(plan, as_json=as_json)


def print_plan(plan: Plan, *, as_json: bool) -> None:
    """Print what would be built, what reused, and why."""
    if as_json:
        echo_json(plan.to_json())
        return
    width = max((len(decision.name) for decision in plan.decisions), default=0)
    for decision in plan.decisions:
        views = [view.said_of(decision.name) for view in decision.views]
        first, *others = [*map(str, decision.reasons), *views]
        first = f"increment: {first}" if decision.is_build and decision.is_increment else first
        mark = style(decision.action, fg=_COLORS[decision.action])
        echo(f"{mark}  {decision.name:{width}}  {first}")
        for reason in others:
            echo(f"       {'':{width}}  {reason}")
    builds = len(plan.builds)
    echo(f"\n{builds} to build, {len(plan.decisions) - builds} to reuse")
