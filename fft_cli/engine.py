"""`fft engine check`: the claims of an engine, checked on the user's own database. Nothing here imports Dagster."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fft_cli.cells import in_columns, widest
from fft_cli.groups import SuggestingGroup
from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions
from fft_cli.terminal import echo, echo_json, style

if TYPE_CHECKING:
    from fft_core.engine_check.outcomes import Examined
    from fft_core.engine_check.scratch import Scratch

_COLORS = {"held": "green", "failed": "red", "not claimed": "bright_black", "unchecked": "yellow"}


@click.group("engine", cls=SuggestingGroup)
def command() -> None:
    """Check an engine on your own database."""


@command.command("check")
@with_options(ProjectOptions)
@click.option("--only", multiple=True, metavar="CLAIM", help="A claim to check; repeatable. [default: all]")
@click.option("--schema", metavar="NAME", help="An empty schema to use. [default: a new one, which is dropped]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(options: ProjectOptions, only: tuple[str, ...], schema: str | None, as_json: bool) -> None:
    """Check in the database of a profile whether the claims of its engine hold: publishing, crashes, digests, types.

    Works in a scratch schema, which is dropped at the end, also after Ctrl-C or SIGTERM. Nothing else is changed: no
    model is built, and no record is written. Exits with 1 if a claim failed.

    PROJECT is the folder with project.yml.
    """
    from fft_cli.ctrl_c import cancelled_by_ctrl_c, ended_by_sigterm
    from fft_core.engine_check.check import claims_named, examine
    from fft_core.engine_check.scratch import scratch_schema

    claims = claims_named(only)
    project = options.load()
    found: list[Examined] = []
    widths = [widest(_COLORS), widest(claim.name for claim in claims), len("required"), len("100.0 s")]
    with ended_by_sigterm(), scratch_schema(project, schema) as scratch, cancelled_by_ctrl_c(scratch.interrupt):
        if not as_json:
            echo(f"{_heading(scratch)}\n")
        for examined in examine(scratch, claims):
            found.append(examined)
            if not as_json:
                echo(_line(examined, widths))
    if as_json:
        echo_json(_as_json(scratch, found))
    else:
        echo(f"\n{_totals(found)}")
    sys.exit(1 if any(examined.outcome == "failed" for examined in found) else 0)


def _heading(scratch: Scratch) -> str:
    server = " ".join(filter(None, [scratch.spec.title or scratch.spec.name, scratch.version]))
    return f"{scratch.project.env}: {server}, in the scratch schema {scratch.schema}"


def _line(examined: Examined, widths: Sequence[int]) -> str:
    word = style(examined.outcome, fg=_COLORS[examined.outcome])
    cells = [word, examined.name, examined.declared, f"{examined.seconds:.1f} s", examined.details]
    return in_columns(cells, widths, right=[False, False, False, True])


def _totals(found: Sequence[Examined]) -> str:
    counts = Counter[str](examined.outcome for examined in found)
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in _COLORS if counts[outcome])


def _as_json(scratch: Scratch, found: Sequence[Examined]) -> dict[str, object]:
    return {
        "env": scratch.project.env,
        "engine": scratch.spec.name,
        "version": scratch.version,
        "schema": scratch.schema,
        "claims": [asdict(examined) for examined in found],
    }
