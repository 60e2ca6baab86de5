"""`fft run`: the models that are selected, and what they read, without snapshots and checks that stand alone."""

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
    help="Build these models in any case, or those selected, and nothing else; repeatable.",
)
def command(options: RunOptions, no_seeds: bool, rebuild_only: tuple[str, ...]) -> None:
    """Build the models that must be built, but no snapshots. Models and seeds that they read are built if they must be.

    With --defer, what they read is read there instead. Blocking checks judge the new rows before they are published, as
    in fft build. Checks of what is not built do not run. PROJECT is the folder that holds project.yml.
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
        echo(f"not selected, and built as the selection reads them: {', '.join(chosen.added)}")
    sys.exit(code)


def _only_rebuilt(options: RunOptions, names: tuple[str, ...]) -> RunOptions:
    """Select these names, one or the other, and build them in any case."""
    planned = options.planned
    selection = replace(planned.selection, select=(*planned.selection.select, " ".join(names)))
    asked = replace(planned.asked, rebuild=(*planned.asked.rebuild, *names))
    return replace(options, planned=replace(planned, selection=selection, asked=asked))


@dataclass
class _Chosen:
    """What a run is about: the models that are selected, and what is built because they read it.

    Attributes:
        with_seeds: Whether the seeds that they read are added.
        with_models: Whether the models that they read are added.
        defer: The environment that is read instead of adding anything; what FFT_DEFER says if None.
        selected: The models that are selected.
        narrows: Whether that is less than all.
        added: What is built beside them.
    """

    with_seeds: bool
    with_models: bool
    defer: str | None = None
    selected: frozenset[str] = field(default=frozenset(), init=False)
    narrows: bool = field(default=False, init=False)
    added: tuple[str, ...] = field(default=(), init=False)

    def among(self, project: Project, selection: Selection, chosen: frozenset[str]) -> frozenset[str]:
        """Keep the selected models, and add what they read, apart from what `--exclude` names and from snapshots."""
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
        """Leave out of a plan what was added to the selection and need not be built."""
        from fft_core import Plan

        if not self.narrows:
            return plan
        wanted = tuple(d for d in plan.decisions if d.is_build or d.name in self.selected)
        self.added = tuple(decision.name for decision in wanted if decision.name not in self.selected)
        return Plan(wanted)


def _is_run(project: Project, name: str) -> bool:
    model = project.models.get(name)
    return model is not None and not model.is_ephemeral and model.materialization.name != "snapshot"
