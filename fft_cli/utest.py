"""`fft utest`: models on given rows, against the rows that are expected. Nothing here imports Dagster."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fft_cli.completion import complete_names
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo, echo_json
from fft_cli.utest_lines import as_json as to_json
from fft_cli.utest_lines import result_lines, summary, widths_of

if TYPE_CHECKING:
    from fft_core.unit_tests.run import UnitTestResult

FAILED = 2


@click.command("utest")
@with_options(ProjectOptions, Selection)
@click.option(
    "--model", metavar="MODEL", shell_complete=complete_names, help="The cases of one model; also of an ephemeral one."
)
@click.option("--case", metavar="NAME", help="The cases of this name.")
@click.option("--cache", type=click.Choice(["off", "rw", "ro", "wo"]), help="Accepted, and needless: all cases run.")
@click.option("--reuse-meta", is_flag=True, help="Accepted, and needless: no records are read or written.")
@click.option("--quiet", "-q", is_flag=True, help="Print only the cases that do not pass.")
@click.option("--verbose", "-v", count=True, help="-vv: print every statement, on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    options: ProjectOptions,
    selection: Selection,
    model: str | None,
    case: str | None,
    cache: str | None,
    reuse_meta: bool,
    quiet: bool,
    verbose: int,
    as_json: bool,
) -> None:
    """Run the unit tests of models: tests/unit/*.yml. Touches no table of the project.

    PROJECT is the folder that holds project.yml.
    """
    from fft_core.unit_tests.run import run_unit_tests, select_unit_tests

    project = replace(options, shows_statements=verbose >= 2, as_json=as_json).load()
    models = selection.names(project) if selection.narrows else None
    tests = select_unit_tests(project, models=models, model=model, case=case)
    widths = widths_of(tests)
    results = []
    for result in _apart(run_unit_tests(project, tests)):
        results.append(result)
        if not as_json and not (quiet and result.status == "pass"):
            echo("\n".join(result_lines(result, widths)))
    if as_json:
        echo_json(to_json(results))
    elif not quiet:
        echo(summary(results))
    sys.exit(FAILED if any(result.status != "pass" for result in results) else 0)


def _apart(results: Iterator[UnitTestResult]) -> Iterator[UnitTestResult]:
    """Give results as they come; what a Python model prints meanwhile is none of them, and goes to stderr."""
    while True:
        with redirect_stdout(sys.stderr):
            result = next(results, None)
        if result is None:
            return
        yield result
