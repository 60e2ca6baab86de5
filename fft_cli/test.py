"""`fft test`: checks of published rows, without builds."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fft_cli.option_values import included, option, read_by, with_options
from fft_cli.options import DEFERRED, ProjectOptions, Selection
from fft_cli.run_options import JOBS, STORE_FAILURES, Output

if TYPE_CHECKING:
    from fft_core import Project
    from fft_core.project.model import Check
    from fft_core.run.report import Report

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class TestOptions:
    """The options of the checks that are run."""

    project: ProjectOptions = field(metadata=included(ProjectOptions))
    selection: Selection = field(metadata=included(Selection))
    defer: str | None = field(metadata=DEFERRED)
    jobs: int | None = field(metadata=read_by(JOBS))
    store_failures: bool = field(metadata=read_by(STORE_FAILURES))
    junit: Path | None = field(
        metadata=option("--junit", metavar="FILE", type=_FILE, help="Write the results as JUnit XML.")
    )
    history: bool = field(
        metadata=option("--history", is_flag=True, help="Run nothing; print the results of the last runs.")
    )
    sarif: Path | None = field(
        metadata=option("--sarif", metavar="FILE", type=_FILE, help="Write failed checks and warnings as SARIF 2.1.0.")
    )
    output: Output = field(metadata=included(Output))


@click.command("test")
@with_options(TestOptions)
@click.option("--skip-build", is_flag=True, help="Accepted and ignored: this command builds nothing.")
def command(options: TestOptions, skip_build: bool) -> None:
    """Run the checks of published models, seeds and sources: all of them, or the selected ones.

    A selection means the checks of models and seeds, and checks by their own names, tags and types: type:not_null.
    PROJECT is the folder with project.yml.
    """
    from fft_cli.check_lines import CheckLines
    from fft_cli.running import Call, run
    from fft_core import Run
    from fft_core.project.model.project import without_hooks
    from fft_core.run.select.facts import select_checks
    from fft_core.run.work import Todo

    began = time.perf_counter()
    selection, output = options.selection, options.output
    judges = not options.history
    loaded = output.of(replace(options.project, stores_failures=options.store_failures, judges=judges)).load()
    checks = select_checks(loaded, selection.select, selection.exclude, changed_since=selection.changed_since)
    if options.history:
        _print_history(options, loaded, checks)
        return
    lines = partial(CheckLines, checks)
    call = Call("test", Run(without_hooks(loaded), defer=options.defer), output, began, options.jobs, True, lines)
    started_at = datetime.now(UTC)
    todo = Todo(f"{len(checks)} check{'s' * (len(checks) != 1)}", checks=checks)
    sys.exit(run(call, todo, lambda report: _write_reports(options, loaded, checks, report, started_at)))


def _print_history(options: TestOptions, project: Project, checks: tuple[Check, ...]) -> None:
    from fft_cli.check_history import print_history

    if options.junit is not None or options.sarif is not None:
        raise click.UsageError("--history runs no checks, and cannot be combined with --junit or --sarif")
    print_history(project, checks, as_json=options.output.as_json)


def _write_reports(
    options: TestOptions, project: Project, checks: tuple[Check, ...], report: Report, started_at: datetime
) -> None:
    """Write the requested report files for CI servers."""
    if options.junit is None and options.sarif is None:
        return
    from fft_cli.terminal import masked
    from fft_core.json_files import write_json_file, write_text_file
    from fft_core.reports.checks.junit import junit_report
    from fft_core.reports.checks.outcomes import outcomes_of
    from fft_core.reports.checks.sarif import sarif_of_checks

    found = [
        replace(
            outcome,
            message=masked(outcome.message),
            first_row=masked(outcome.first_row),
            sql=masked(outcome.sql) if outcome.sql else None,
        )
        for outcome in outcomes_of(checks, report.results)
    ]
    if options.junit is not None:
        write_text_file(options.junit, junit_report(found, project.name, started_at))
    if options.sarif is not None:
        write_json_file(options.sarif, sarif_of_checks(found, project.root))
