"""The results of unit tests, for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fft_cli.cells import aligned, cell_text, in_columns, json_value, widest
from fft_cli.terminal import style

if TYPE_CHECKING:
    from fft_core.project.model import UnitTest
    from fft_core.unit_tests.compare import Mismatch
    from fft_core.unit_tests.run import UnitTestResult

MOST_ROWS = 20
_COLORS = {"pass": "green", "fail": "red", "error": "red"}


def widths_of(tests: Sequence[UnitTest]) -> Sequence[int]:
    """Return the widths of the columns for the results of these cases."""
    return [widest(_COLORS), *(widest(names) for names in zip(*map(_names, tests), strict=True))]


def _names(test: UnitTest) -> tuple[str, str]:
    return " > ".join(test.models), test.name


def result_lines(result: UnitTestResult, widths: Sequence[int]) -> Iterator[str]:
    """Yield the lines of a result: one if the case passed, else also its faults."""
    test, mark = result.test, style(result.status, fg=_COLORS[result.status])
    last = f"{result.seconds:.2f} s" if result.status == "pass" else str(test.location)
    yield in_columns([mark, *_names(test), last], widths)
    yield from (f"       {line}" for line in fault_lines(result))


def fault_lines(result: UnitTestResult) -> Iterator[str]:
    """Yield the faults of a case that did not pass: the error, or the wrong rows."""
    if result.error:
        yield from str(result.error).splitlines()
    for name, mismatch in result.mismatches.items():
        yield f"{name}: {mismatch}" if result.test.before else str(mismatch)
        if mismatch.hint:
            yield f"hint: {mismatch.hint}"
        yield from (f"  {line}" for line in _table(mismatch))


def _table(mismatch: Mismatch) -> Iterator[str]:
    """Yield the wrong rows, with values that differ as expected -> found."""
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


def summary(results: Sequence[UnitTestResult]) -> str:
    """Return the numbers of cases that passed and that did not."""
    if not results:
        return "No unit tests"
    passed = sum(result.status == "pass" for result in results)
    failed = len(results) - passed
    return f"\n{passed} passed" + (f", {failed} failed" if failed else "")


def as_json(results: Sequence[UnitTestResult]) -> dict[str, object]:
    """Return all results with all wrong rows, as JSON has them."""
    passed = sum(result.status == "pass" for result in results)
    return {"passed": passed, "failed": len(results) - passed, "cases": [_case(result) for result in results]}


def _case(result: UnitTestResult) -> dict[str, object]:
    test = result.test
    where = {"file": test.location.path.as_posix(), "line": test.location.line}
    said = {"model": test.model, "case": test.name, **where, "status": result.status, "seconds": result.seconds}
    mismatches = {name: _differences(mismatch) for name, mismatch in result.mismatches.items()}
    return {
        **said,
        **({"models": list(test.models)} if test.before else {}),
        "error": str(result.error) if result.error else None,
        "code": result.error.code if result.error else None,
        "mismatch": mismatches.get(test.model),
        **({"mismatches": mismatches} if test.before else {}),
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
