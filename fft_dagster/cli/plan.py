"""`fft plan`: what a run would build, and why. Nothing here imports Dagster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from fft_core import Plan, Project, Request, load_project, make_plan, open_warehouse, select

_COLORS = {"build": "green", "reuse": "bright_black"}


@dataclass(frozen=True)
class Options:
    """What all commands that plan have in common."""

    root: Path
    env: str | None
    selected: Sequence[str]
    exclude: Sequence[str]
    request: Request


def plan_project(options: Options) -> tuple[Project, Plan]:
    """Load a project, look at its warehouse, and decide."""
    project = load_project(options.root, options.env)
    chosen = select(project, options.selected, options.exclude)
    with open_warehouse(project, read_only=True) as warehouse:
        return project, make_plan(warehouse, options.request, chosen)


def print_plan(options: Options, *, as_json: bool) -> int:
    """Print the plan; give the exit code."""
    _, plan = plan_project(options)
    if as_json:
        click.echo(json.dumps(plan.to_json(), indent=2))
        return 0
    width = max((len(decision.name) for decision in plan.decisions), default=0)
    for decision in plan.decisions:
        first, *others = [str(reason) for reason in decision.reasons]
        first = f"increment: {first}" if decision.is_build and decision.is_increment else first
        mark = click.style(decision.action, fg=_COLORS[decision.action])
        click.echo(f"{mark}  {decision.name:{width}}  {first}")
        for reason in others:
            click.echo(f"       {'':{width}}  {reason}")
    builds = len(plan.builds)
    click.echo(f"\n{builds} to build, {len(plan.decisions) - builds} to reuse")
    return 0
