"""`fft source freshness`: the age of sources. Nothing here imports Dagster."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from fft_cli.cells import aligned
from fft_cli.groups import SuggestingGroup
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core.operations.freshness import FreshnessResult

_COLORS = {"pass": "green", "warn": "yellow", "error": "red"}


@click.group("source", cls=SuggestingGroup)
def command() -> None:
    """Inspect the sources of a project."""


@command.command("freshness")
@with_options(ProjectOptions)
@click.option(
    "--select", "-s", multiple=True, metavar="SOURCES", help="Sources to select: crm, crm.users, tag:crm; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def freshness(options: ProjectOptions, select: tuple[str, ...], as_json: bool) -> None:
    """List the ages of the newest rows of sources, and whether they are within the limits. Changes nothing.

    PROJECT is the folder with project.yml.
    """
    from fft_cli.ctrl_c import opened_warehouse
    from fft_core import source_freshness
    from fft_core.run.select.sources import select_sources

    project = options.load()
    sources = [source for source in select_sources(project, select) if source.freshness]
    results = []
    if sources:
        with opened_warehouse(project, read_only=True) as warehouse:
            results = [source_freshness(warehouse, source) for source in sources]
    if as_json:
        echo_json(_as_json(results))
    else:
        echo("\n".join(_lines(results)))
    sys.exit(1 if any(result.status == "error" for result in results) else 0)


def _lines(results: Sequence[FreshnessResult]) -> list[str]:
    if not results:
        return ["No sources with freshness"]
    rows = [
        [
            style(result.status, fg=_COLORS[result.status]),
            str(result.source.name),
            result.said or in_words(result.age),
            _limits(result),
        ]
        for result in results
    ]
    return aligned(rows)


def _limits(result: FreshnessResult) -> str:
    limits = {"warn": result.limits.warn_after, "error": result.limits.error_after}
    return ", ".join(f"{word} after {in_words(time)}" for word, time in limits.items() if time is not None)


def in_words(time: timedelta | None) -> str:
    """Return a duration in its largest unit and the next one.

    >>> in_words(timedelta(hours=49, minutes=5)), in_words(timedelta(hours=5, seconds=3)), in_words(timedelta(0))
    ('2 d 1 h', '5 h', '0 s')
    """
    if time is None:
        return ""
    seconds = int(time.total_seconds())
    if seconds < 0:
        return f"-{in_words(-time)}"
    for unit, size, next_unit, next_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        count, rest = divmod(seconds, size)
        if count:
            return f"{count} {unit}" + (f" {rest // next_size} {next_unit}" if rest >= next_size else "")
    return f"{seconds} s"


def _as_json(results: Sequence[FreshnessResult]) -> dict[str, object]:
    return {"sources": [_source(result) for result in results]}


def _source(result: FreshnessResult) -> dict[str, object]:
    def seconds(time: timedelta | None) -> float | None:
        return None if time is None else time.total_seconds()

    return {
        "source": str(result.source.name),
        "status": result.status,
        "loaded_at": result.loaded_at.isoformat() if result.loaded_at else None,
        "age_seconds": seconds(result.age),
        "warn_after_seconds": seconds(result.limits.warn_after),
        "error_after_seconds": seconds(result.limits.error_after),
        "problem": result.problem,
        "code": result.code,
    }
