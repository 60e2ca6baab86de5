"""`fft utest`: models on given rows, against the rows that are expected. Nothing here imports Dagster."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fft_cli.cells import aligned, cell_text, in_columns, json_value, widest
from fft_cli.completion import complete_names
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions, Selection
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core.project.model import UnitTest
    from fft_core.unit_tests.compare import Mismatch
    from fft_core.unit_tests.run import UnitTestResult

FAILED = 2
MOST_ROWS = 20
_COLORS = {"pass": "green", "fail": "red", "error": "red"}


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
    widths = [widest(_COLORS), *(widest(names) for names in zip(*map(_names, tests), strict=True))]
    results = []
    for result in _apart(run_unit_tests(project, tests)):
        results.append(result)
        if not as_json and not (quiet and result.status == "pass"):
            echo("\n".join(_lines(result, widths)))
    if as_json:
        echo_json(_as_json(results))
    elif not quiet:
        echo(_summary(results))
    sys.exit(FAILED if any(result.status != "pass" for result in results) else 0)


def _apart(results: Iterator[UnitTestResult]) -> Iterator[UnitTestResult]:
    """Give results as they come; what a Python model prints meanwhile is none of them, and goes to stderr."""
    while True:
        with redirect_stdout(sys.stderr):
            result = next(results, None)
        if result is None:
            return
        yield result


def _names(test: UnitTest) -> tuple[str, str]:
    return test.model, test.name


def _lines(result: UnitTestResult, widths: Sequence[int]) -> Iterator[str]:
    """Say what came of a case: one line where it passed, and what is wrong where it did not."""
    test, mark = result.test, style(result.status, fg=_COLORS[result.status])
    last = f"{result.seconds:.2f} s" if result.status == "pass" else str(test.location)
    yield in_columns([mark, *_names(test), last], widths)
    if result.error:
        yield from (f"       {line}" for line in str(result.error).splitlines())
    if result.mismatch:
        yield f"       {result.mismatch}"
        if result.mismatch.hint:
            yield f"       hint: {result.mismatch.hint}"
        yield from (f"         {line}" for line in _table(result.mismatch))


def _table(mismatch: Mismatch) -> Iterator[str]:
    """Show the rows that are wrong, and in those with other values which ones: expected -> found."""
    rows: list[list[str]] = []
    for row in mismatch.differing:
        cells = zip(mismatch.columns, row.expected, row.found, strict=True)
        rows.append(["~", *(_cell(name in row.columns, expected, found) for name, expected, found in cells)])
    rows += [[style("-", fg="red"), *map(cell_text, row)] for row in mismatch.missing]
    rows += [[style("+", fg="green"), *map(cell_text, row)] for row in mismatch.unexpected]
    if not rows:
        return
    yield from aligned([["", *mismatch.columns], *rows[:MOST_ROWS]])
    if len(rows) > MOST_ROWS:
        yield f"... and {len(rows) - MOST_ROWS} more; --json shows all"
    legend = {
        "~ expected -> found": mismatch.differing,
        "- missing": mismatch.missing,
        "+ not expected": mismatch.unexpected,
    }
    yield "   ".join(meaning for meaning, some in legend.items() if some)


def _cell(differs: bool, expected: object, found: object) -> str:
    if not differs:
        return cell_text(found)
    return style(f"{cell_text(expected)} -> {cell_text(found)}", fg="yellow")


def _summary(results: Sequence[UnitTestResult]) -> str:
    if not results:
        return "No unit tests"
    passed = sum(result.status == "pass" for result in results)
    failed = len(results) - passed
    return f"\n{passed} passed" + (f", {failed} failed" if failed else "")


def _as_json(results: Sequence[UnitTestResult]) -> dict[str, object]:
    passed = sum(result.status == "pass" for result in results)
    return {"passed": passed, "failed": len(results) - passed, "cases": [_case(result) for result in results]}


def _case(result: UnitTestResult) -> dict[str, object]:
    test, mismatch = result.test, result.mismatch
    where = {"file": test.location.path.as_posix(), "line": test.location.line}
    said = {"model": test.model, "case": test.name, **where, "status": result.status, "seconds": result.seconds}
    return {
        **said,
        "error": str(result.error) if result.error else None,
        "mismatch": mismatch and _differences(mismatch),
    }


def _differences(mismatch: Mismatch) -> dict[str, object]:
    def named(row: Sequence[object]) -> dict[str, object]:
        return {name: json_value(value) for name, value in zip(mismatch.columns, row, strict=True)}

    return {
        "equal_rows": mismatch.equal_rows,
        "differing": [
            {"columns": list(row.columns), "expected": named(row.expected), "found": named(row.found)}
            for row in mismatch.differing
        ],
        "missing": [named(row) for row in mismatch.missing],
        "unexpected": [named(row) for row in mismatch.unexpected],
        "unknown_columns": list(mismatch.unknown_columns),
    }
