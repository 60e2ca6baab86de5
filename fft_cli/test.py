"""`fft test`: checks of what is published, without building."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field, replace

import click

from fft_cli.option_values import included, read_by, with_options
from fft_cli.options import DEFERRED, ProjectOptions, Selection
from fft_cli.run_options import JOBS, STORE_FAILURES, Output


@dataclass(frozen=True)
class TestOptions:
    """Which checks are run, and how."""

    project: ProjectOptions = field(metadata=included(ProjectOptions))
    selection: Selection = field(metadata=included(Selection))
    defer: str | None = field(metadata=DEFERRED)
    jobs: int | None = field(metadata=read_by(JOBS))
    store_failures: bool = field(metadata=read_by(STORE_FAILURES))
    output: Output = field(metadata=included(Output))


@click.command("test")
@with_options(TestOptions)
@click.option("--skip-build", is_flag=True, help="Accepted, and needless: nothing is built in any case.")
def command(options: TestOptions, skip_build: bool) -> None:
    """Run the checks of published models, seeds and sources: all of them, or those that are selected.

    A selection means the checks of models and seeds, and checks by their own tags and names. PROJECT is the folder
    that holds project.yml.
    """
    from fft_cli.running import Call, run
    from fft_core import Run
    from fft_core.project.model.project import without_hooks
    from fft_core.run.select.facts import select_checks
    from fft_core.run.work import Todo

    began = time.perf_counter()
    selection, output = options.selection, options.output
    loaded = output.of(replace(options.project, stores_failures=options.store_failures)).load()
    checks = select_checks(loaded, selection.select, selection.exclude, changed_since=selection.changed_since)
    call = Call("test", Run(without_hooks(loaded), defer=options.defer), output, began, options.jobs, keep_going=True)
    sys.exit(run(call, Todo(f"{len(checks)} checks", checks=checks)))
