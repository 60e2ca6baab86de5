"""The artifacts of a flow run, as Markdown: the plan with its reasons, and a summary with the rows that failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fft_core import Decision, Plan, Project
from fft_core.engines.spec.masking import Masker
from fft_core.names.markdown import fenced, inline, table
from fft_core.run.report import Report
from fft_core.run.results import CheckRunResult, NodeRunResult
from fft_prefect.states import error_text

MOST_ROWS = 1000  # of a table; further rows are only counted


def artifact_key(project: Project, what: str) -> str:
    """Return the key of an artifact, by which Prefect keeps its versions: lower case, digits and dashes.

    It contains the names of project and environment: `fft-shop-dev-plan`.
    """
    return "-".join(
        re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "x" for part in ("fft", project.name, project.env, what)
    )


def plan_markdown(project: Project, plan: Plan, masker: Masker) -> str:
    """Return the plan: builds, with their reasons; nodes that are reused because nothing changed are only counted."""
    shown = [decision for decision in plan.decisions if decision.is_build or not _is_unchanged(decision)]
    rows = [
        (_action(decision), decision.name, "; ".join(map(masker, _why(decision)))) for decision in shown[:MOST_ROWS]
    ]
    builds = len(plan.builds)
    lines = [
        f"# Plan of {inline(project.name)} ({inline(project.env)}, {project.engine})",
        f"{builds} to build, {len(plan.decisions) - builds} to reuse",
        *([table(("", "model", "why"), rows)] if rows else []),
        *_more(len(shown)),
    ]
    return "\n\n".join(lines)


def summary_markdown(project: Project, report: Report, seconds: float) -> str:
    """Return the summary of a run: counts, errors, the rows that failed checks, and builds."""
    results = list(report.results.values())
    lines = [
        f"# {inline(project.name)} ({inline(project.env)}, {project.engine})",
        inline(report.summary(seconds)),
        *_failures(results),
        *_checks(results),
        *_built([result for result in results if result.status == "built"]),
    ]
    return "\n\n".join(lines)


def _action(decision: Decision) -> str:
    return "increment" if decision.is_build and decision.is_increment else decision.action


def _why(decision: Decision) -> Iterator[str]:
    yield from map(str, decision.reasons)
    yield from map(str, decision.reads)
    yield from (view.said_of(decision.name) for view in decision.views)


def _is_unchanged(decision: Decision) -> bool:
    return all(reason.kind == "unchanged" for reason in decision.reasons)


def _failures(results: Iterable[NodeRunResult]) -> Iterator[str]:
    failed = [result for result in results if result.error is not None]
    if failed:
        yield "## What failed"
        yield from (
            f"**{inline(result.name)}** ({result.status})\n\n{fenced(error_text(result.error), 'text')}"
            for result in failed
        )
    lacking = [result.name for result in results if result.status in ("skipped", "not_started", "interrupted")]
    if lacking:
        yield f"Not built: {', '.join(map(inline, lacking))}"


def _checks(results: Iterable[NodeRunResult]) -> Iterator[str]:
    found = [(result, check) for result in results for check in result.checks if check.status != "pass"]
    if found:
        yield "## Checks that did not pass"
        yield table(
            ("model", "check", "", "failing rows", "kept in"),
            [
                (node.name, check.name, check.status, f"{check.failing_rows or 0:,}", check.failures or "")
                for node, check in found[:MOST_ROWS]
            ],
        )
        yield from _more(len(found))
        yield from (part for node, check in found[:MOST_ROWS] for part in _sample(node, check))


def _sample(node: NodeRunResult, check: CheckRunResult) -> Iterator[str]:
    if check.sample:
        yield f"The first rows of {inline(node.name)} that fail {inline(check.name)}:"
        yield table(check.sample_columns, check.sample)


def _built(results: list[NodeRunResult]) -> Iterator[str]:
    if results:
        yield "## Built"
        rows = [
            (
                result.name,
                "" if result.rows is None else f"{result.rows:,}",
                f"{(result.duration_ms or 0) / 1000:.1f}",
                "; ".join(map(str, result.reasons)),
            )
            for result in results[:MOST_ROWS]
        ]
        yield table(("model", "rows", "seconds", "why"), rows)
        yield from _more(len(results))


def _more(count: int) -> list[str]:
    return [f"and {count - MOST_ROWS:,} more"] if count > MOST_ROWS else []
