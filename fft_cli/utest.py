"""`fft utest`: models on given rows, compared with expected rows. Nothing here imports Dagster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from fft_cli.completion import complete_names
from fft_cli.option_values import included, option, with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo, echo_json, name_text
from fft_cli.utest_lines import as_json as to_json
from fft_cli.utest_lines import result_lines, summary, widths_of

if TYPE_CHECKING:
    from fft_core import Project
    from fft_core.unit_tests.run import UnitTestResult
    from fft_core.unit_tests.update import Updated

FAILED = 2


@dataclass(frozen=True)
class Cases:
    """The cases to run, and the format of their results."""

    options: ProjectOptions = field(metadata=included(ProjectOptions))
    selection: Selection = field(metadata=included(Selection))
    model: str | None = field(
        default=None,
        metadata=option(
            "--model",
            metavar="MODEL",
            shell_complete=complete_names,
            help="The cases of one model, and the chains that it is in; also of an ephemeral one.",
        ),
    )
    case: str | None = field(
        default=None,
        metadata=option("--case", metavar="NAME", help="Cases of this name; with --generate, the new case's name."),
    )
    quiet: bool = field(
        default=False, metadata=option("--quiet", "-q", is_flag=True, help="Print only the cases that do not pass.")
    )
    verbose: int = field(
        default=0, metadata=option("--verbose", "-v", count=True, help="-vv: print every statement, on stderr.")
    )
    as_json: bool = field(
        default=False, metadata=option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    )

    def load(self) -> Project:
        """Load the project. Raises the errors of `ProjectOptions.load`."""
        return replace(self.options, shows_statements=self.verbose >= 2, as_json=self.as_json).load()


@click.command("utest")
@with_options(Cases)
@click.option("--update", is_flag=True, help="Write the found rows into the files of the failing cases.")
@click.option("--watch", is_flag=True, help="Run again whenever a file of the project changes, until Ctrl-C.")
@click.option(
    "--generate", metavar="MODEL", shell_complete=complete_names, help="Write a case from rows of the warehouse."
)
@click.option(
    "--rows", type=click.IntRange(1, 1000), metavar="N", help="With --generate: rows of each input. [default: 5]"
)
@click.option("--overwrite", is_flag=True, help="With --generate: replace the case that was generated before.")
@click.option("--cache", type=click.Choice(["off", "rw", "ro", "wo"]), help="Accepted and ignored: all cases run.")
@click.option("--reuse-meta", is_flag=True, help="Accepted and ignored: no records are read or written.")
def command(
    cases: Cases,
    update: bool,
    watch: bool,
    generate: str | None,
    rows: int | None,
    overwrite: bool,
    cache: str | None,
    reuse_meta: bool,
) -> None:
    """Run the unit tests of models: tests/unit/*.yml. Does not touch tables of the project.

    PROJECT is the folder with project.yml.
    """
    if generate is None and (rows is not None or overwrite):
        raise click.UsageError("--rows and --overwrite need --generate.")
    if (generate is not None) + watch + update > 1:
        raise click.UsageError("--generate, --watch and --update cannot be combined.")
    if watch and cases.as_json:
        raise click.UsageError("--watch cannot be combined with --json.")
    if generate is not None:
        _generate(cases, generate, rows or 5, overwrite=overwrite)
    elif watch:
        _watch(cases)
    else:
        sys.exit(_run(cases, update=update))


def _run(cases: Cases, *, update: bool = False) -> int:
    """Run the cases once; return the exit code."""
    from fft_core.unit_tests.run import run_unit_tests, select_unit_tests

    project = cases.load()
    models = cases.selection.names(project) if cases.selection.narrows else None
    tests = select_unit_tests(project, models=models, model=cases.model, case=cases.case)
    widths, results = widths_of(tests), []
    for result in _apart(run_unit_tests(project, tests)):
        results.append(result)
        if not cases.as_json and not (cases.quiet and result.status == "pass"):
            echo("\n".join(result_lines(result, widths)))
    updated = _update(project, results) if update else ()
    if cases.as_json:
        echo_json({**to_json(results), **({"updated": _as_json(updated)} if update else {})})
    elif not cases.quiet:
        echo(summary(results))
    for one in updated:
        said = f"not updated: {one.problem}" if one.problem else f"updated {name_text(one.result.test.location.path)}"
        echo(f"{said}: {one.result.test.name}" if not one.problem else said, err=cases.as_json)
    right = [one.result for one in updated if one.problem is None]
    return FAILED if any(result.status != "pass" and result not in right for result in results) else 0


def _update(project: Project, results: Sequence[UnitTestResult]) -> tuple[Updated, ...]:
    from fft_core.unit_tests.update import update_expected

    return tuple(update_expected(project, results))


def _as_json(updated: Sequence[Updated]) -> list[dict[str, object]]:
    return [
        {
            "model": one.result.test.model,
            "case": one.result.test.name,
            "file": one.result.test.location.path.as_posix(),
            "error": str(one.problem) if one.problem else None,
            "code": one.problem.code if one.problem else None,
        }
        for one in updated
    ]


def _apart(results: Iterator[UnitTestResult]) -> Iterator[UnitTestResult]:
    """Yield results as they come; output of Python models goes to stderr meanwhile."""
    while True:
        with redirect_stdout(sys.stderr):
            result = next(results, None)
        if result is None:
            return
        yield result


def _watch(cases: Cases) -> None:
    """Run the cases after each change; if the project does not load, print the problems and wait."""
    from fft_cli.watching import states_of, wait_for_change
    from fft_core.errors import FftError

    root = cases.options.root.resolve()
    while True:
        before = states_of(root)
        try:
            _run(cases)
        except FftError as error:
            echo(error, err=True)
        echo("\nWaiting for changes; Ctrl-C ends it.", err=True)
        changed = wait_for_change(root, before)
        shown = ", ".join(name_text(path.as_posix()) for path in changed[:3])
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        echo(f"\n--- changed: {shown}{more}")


def _generate(cases: Cases, model: str, rows: int, *, overwrite: bool) -> None:
    """Write a case, and print its contents."""
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core.unit_tests.generate import generate_case

    project = cases.load()
    with opened_warehouse(project, read_only=True) as warehouse, redirect_stdout(sys.stderr):
        made = generate_case(warehouse, model, rows, cases.case or "generated", overwrite=overwrite)
    given = {str(one.node): len(one.rows) for one in made.inputs}
    if cases.as_json:
        said = {"file": made.path.as_posix(), "case": made.case, "inputs": given, "rows": made.rows}
        echo_json({**said, "faked": list(made.faked)})
        return
    echo(f"wrote {name_text(made.path.as_posix())}: {name_text(made.case)}")
    for node, count in given.items():
        echo(f"  {name_text(node)}: {_rows(count)}")
    echo(f"  expected: {_rows(made.rows)}, as the model returns them now: check that they are right")
    if made.faked:
        echo(f"  made-up values, not from the tables: {', '.join(map(name_text, made.faked))}")
    else:
        echo("  no column is tagged pii: all values come from the tables")


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
