"""`fft review`: a change is built in a scratch schema, checked, and compared with an environment. No Dagster."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from fft_cli.option_values import with_options
from fft_cli.options import ProjectOptions
from fft_cli.terminal import echo

FAILED = 1


@click.command("review")
@with_options(ProjectOptions)
@click.option("--since", metavar="REF", required=True, help="The git commit that the change is based on.")
@click.option("--defer", metavar="ENV", help="The environment to compare with and to read from. [default: FFT_DEFER]")
@click.option("--key", metavar="COLUMNS", help="The key of rows. [default: unique_key, or a check's]")
@click.option("--tolerance", metavar="NUMBER", help="The allowed difference of numbers: 0.01, or 1% of the larger.")
@click.option("--ignore", multiple=True, metavar="COLUMN", help="A column to leave out; repeatable.")
@click.option("--samples", type=click.IntRange(min=0), default=5, show_default=True, help="Rows shown of each kind.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the report into this file.")
def command(
    options: ProjectOptions,
    since: str,
    defer: str | None,
    key: str | None,
    tolerance: str | None,
    ignore: tuple[str, ...],
    samples: int,
    out: Path | None,
) -> None:
    """Build the nodes that changed since a commit, and their downstream nodes, in a scratch schema; report in Markdown.

    Checks and unit tests run, and rows are compared with those of the other environment, from which all other inputs
    are read. The schema is dropped at the end. Ends with 1 if a build, a check or a unit test failed. PROJECT is the
    folder with project.yml.
    """
    from fft_cli.ctrl_c import cancelled_by_ctrl_c, ended_by_sigterm
    from fft_cli.diff import columns_in, read_tolerance
    from fft_core.json_files import write_text_file
    from fft_core.operations.compare_rows import Comparison
    from fft_core.project.profile.secrets import project_masker
    from fft_core.reports.review import review
    from fft_core.reports.review_text import review_markdown
    from fft_core.run.run import DEFER

    how = Comparison(columns_in(key), read_tolerance(tolerance), ignore, samples)
    project = replace(options, judges=True).load()
    against = defer or project.environment.get(DEFER)
    if not against:
        raise click.UsageError("name the environment to compare with: --defer ENV, or FFT_DEFER")
    with ended_by_sigterm():
        found = review(project, since, against, how, cancelled_by_ctrl_c)
    text = project_masker(project)(review_markdown(found))
    if out is None:
        echo(text.rstrip("\n"))
    else:
        write_text_file(out, text)
    sys.exit(FAILED if found.has_failed else 0)
