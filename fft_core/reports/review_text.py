"""A review as Markdown, for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fft_core.names.markdown import fenced, inline, table
from fft_core.reports.diff import diff_markdown
from fft_core.reports.review import Review, Reviewed, failing
from fft_core.unit_tests.run import UnitTestResult

_LONGEST_ERROR = 2000


def review_markdown(review: Review) -> str:
    """Return the result of a review as Markdown."""
    return "\n\n".join(_blocks(review)) + "\n"


def _blocks(review: Review) -> Iterator[str]:
    mark = "❌" if review.has_failed else "✅"
    yield f"## {mark} Review of {inline(review.project)} since {inline(review.since)}"
    yield _summary(review)
    if review.nodes:
        yield "### Built"
        rows = [_row(review, node) for node in review.nodes]
        yield table(("model", "", "result", "rows", "checks", "seconds"), rows)
    if review.left_out:
        names = ", ".join(map(inline, review.left_out))
        yield f"Snapshots are left out, and read from {inline(review.against)}: {names}."
    for node in review.nodes:
        if node.error and node.status != "skipped":
            yield f"#### {inline(node.name)}: {node.status}"
            yield fenced(node.error[:_LONGEST_ERROR], "text")
    yield from _checks(review)
    yield from _unit_tests(review)
    if review.difference is not None:
        yield diff_markdown(review.difference, level=3).rstrip("\n")


def _summary(review: Review) -> str:
    if not review.changed and not review.nodes:
        return "No model or seed has changed."
    counts = Counter(node.status for node in review.nodes)
    said = [f"{count} {status}" for status, count in counts.items()]
    if review.unit_tests:
        passed = sum(test.status == "pass" for test in review.unit_tests)
        said.append(f"{passed} of {len(review.unit_tests)} unit tests passed")
    if review.difference is not None:
        differ = sum(node.differ for node in review.difference.nodes or ())
        said.append(f"rows of {differ} differ from {inline(review.against)}")
    text = f"{len(review.changed)} changed; models that depend on them are built as well"
    return f"{text}: {', '.join(said)}." if said else f"{text}."


def _row(review: Review, node: Reviewed) -> tuple[str, ...]:
    why = "changed" if node.name in review.changed else "reads it"
    found = failing(node.checks)
    checks = f"{len(node.checks) - len(found)} of {len(node.checks)} passed" if node.checks else ""
    rows = "" if node.rows is None else str(node.rows)
    seconds = f"{node.seconds:.2f}" if node.status == "built" else ""
    return node.name, why, node.status, rows, checks, seconds


def _checks(review: Review) -> Iterator[str]:
    rows = [
        (node.name, str(result), result.check.severity, str(result.failing_rows))
        for node in review.nodes
        for result in failing(node.checks)
    ]
    if rows:
        yield "### Checks that found something"
        yield table(("model", "check", "severity", "rows"), rows)


def _unit_tests(review: Review) -> Iterator[str]:
    wrong = [test for test in review.unit_tests if test.status != "pass"]
    if wrong:
        yield "### Unit tests that did not pass"
        rows = [(t.test.model, t.test.name, t.status, _why(t)) for t in wrong]
        yield table(("model", "case", "result", "why"), rows)


def _why(result: UnitTestResult) -> str:
    if result.error:
        return str(result.error)
    several = len(result.test.expected) > 1
    return "; ".join(f"{name}: {wrong}" if several else str(wrong) for name, wrong in result.mismatches.items())
