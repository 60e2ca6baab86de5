"""`fft build`."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from fft_core import load_project
from fft_dagster.assets import step_name
from fft_dagster.cli.report import Report
from fft_dagster.definitions import project_definitions
from fft_dagster.runs import open_instance, run_all
from fft_dagster.translator import FftTranslator


def build_project(root: Path, env: str | None, jobs: int | None) -> int:
    """Build all of a project through Dagster; give the exit code."""
    started = time.perf_counter()
    project = load_project(root, env)
    translator = FftTranslator()
    nodes = project.stored()
    report = Report({step_name(translator.get_asset_key(node)): node.name for node in nodes})
    with open_instance(project.root) as instance:
        typer.echo(f"{project.name}: {len(nodes)} models and seeds on {project.engine}, profile {project.env}")
        for event in run_all(project_definitions(project, translator=translator), instance, jobs):
            report.see(event)
    unstarted = len(report.names) - sum(report.states.values())
    for failure in report.failures:
        typer.echo(f"\n{typer.style('error', fg='red', bold=True)}: {failure}", err=True)
    typer.echo(f"\n{report.summary(time.perf_counter() - started, unstarted)}")
    return report.exit_code
