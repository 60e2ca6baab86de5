"""`fft run`: the selected models with their inputs, without snapshots and separate checks."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import click

from fft_cli.completion import complete_names
from fft_cli.option_values import with_options
from fft_cli.options import ALL, Selection
from fft_cli.run_options import RunOptions
from fft_cli.terminal import echo

if TYPE_CHECKING:
    from fft_core import Plan, Project


@click.command("run")
@with_options(RunOptions)
@click.option("--no-seeds", is_flag=True, help="Leave out the seeds that the models read.")
@click.option(
    "--rebuild-only",
    multiple=True,
    is_flag=False,
    flag_value=ALL,
    metavar="[GLOB]",
    shell_complete=complete_names,
    help="Rebuild only these models, or only the selected models; repeatable.",
)
def command(options: RunOptions, no_seeds: bool, rebuild_only: tuple[str, ...]) -> None:
    """Build the models that are out of date, but no snapshots. Inputs that are out of date are built as well.

    With --defer, inputs are read from another environment instead. Blocking checks judge the new rows before they are
    published, as in fft build. Checks of nodes that are not built do not run. PROJECT is the folder with project.yml.
    """
    from fft_cli.running import build_planned
    from fft_core.run.work import planned

    with_seeds = not no_seeds and ALL not in rebuild_only
    chosen = _Chosen(with_seeds, with_models=not rebuild_only, defer=options.planned.defer)
    if rebuild_only:
        options = _only_rebuilt(options, rebuild_only)
    todo = partial(planned, checks_alone=False)
    code = build_planned("run", options, todo, chosen.among, kept=chosen.kept, hooked=True)
    if options.dry_run and chosen.added and not options.output.as_json:
        echo(f"not selected, but built because the selection depends on them: {', '.join(chosen.added)}")
    sys.exit(code)


def _only_rebuilt(options: RunOptions, names: tuple[str, ...]) -> RunOptions:
    """Select these names, and build them even if nothing changed."""
    planned = options.planned
    selection = replace(planned.selection, select=(*planned.selection.select, " ".join(names)))
    asked = replace(planned.asked, rebuild=(*planned.asked.rebuild, *names))
    return replace(options, planned=replace(planned, selection=selection, asked=asked))


@dataclass
class _Chosen:
    """The scope of a run: the selected models, and the inputs that are built with them.

    Attributes:
        with_seeds: Whether the seeds that they read are added.
        with_models: Whether the models that they read are added.
        defer: The environment that inputs are read from, instead of building them; FFT_DEFER if None.
        selected: The selected models.
        narrows: Whether there is a selection.
        added: The inputs that are built with them.
    """

    with_seeds: bool
    with_models: bool
    defer: str | None = None
    selected: frozenset[str] = field(default=frozenset(), init=False)
    narrows: bool = field(default=False, init=False)
    added: tuple[str, ...] = field(default=(), init=False)

    def among(self, project: Project, selection: Selection, chosen: frozenset[str]) -> frozenset[str]:
        """Keep the selected models, and add their inputs, except snapshots and names in `--exclude`."""
        from fft_cli.running import only
        from fft_core.run.run import DEFER

        self.selected, self.narrows = only(project, selection, chosen, ("model",)), selection.narrows
        if project.environment.get(DEFER, "") if self.defer is None else self.defer:
            return self.selected
        read = {parent for name in self.selected for parent in project.upstream(name)} - self.selected
        seeds = {name for name in read if name in project.seeds and self.with_seeds}
        models = {name for name in read if self.with_models and _is_run(project, name)}
        added = frozenset(seeds | models)
        if added and selection.exclude:
            added &= Selection(exclude=selection.exclude).names(project)
        return self.selected | added

    def kept(self, plan: Plan) -> Plan:
        """Remove the added inputs that are up to date from a plan."""
        from fft_core import Plan

        if not self.narrows:
            return plan
        wanted = tuple(d for d in plan.decisions if d.is_build or d.name in self.selected)
        self.added = tuple(decision.name for decision in wanted if decision.name not in self.selected)
        return Plan(wanted)


def _is_run(project: Project, name: str) -> bool:
    model = project.models.get(name)
    return model is not None and not model.is_ephemeral and model.materialization.name != "snapshot"
