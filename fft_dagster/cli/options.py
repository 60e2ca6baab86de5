"""The arguments and options that commands share, and the values that they become. Imports nothing slow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from fft_dagster.cli.completion import complete_models, complete_names
from fft_dagster.cli.statements import show_statements
from fft_dagster.cli.terminal import echo

if TYPE_CHECKING:
    from fft_core import OutputGuard, Plan, Project, Request, Run, Warehouse

Command = TypeVar("Command", bound=Callable[..., None])


@dataclass
class Invocation:
    """What is known of a call of `fft`: the folder that it was called for, and what guards its output."""

    root: Path | None = None
    guard: OutputGuard | None = None


def _noted(context: click.Context, _: click.Parameter, root: Path) -> Path:
    invocation = context.find_object(Invocation)
    if invocation is not None:
        invocation.root = root
    return root


_ROOT = click.argument("root", metavar="[PROJECT]", type=click.Path(path_type=Path), default=".", callback=_noted)
_PROJECT = [
    _ROOT,
    click.option(
        "--env", "-e", metavar="NAME", help="The profile, and the .env layers. [default: FFT_ACTIVE_ENV, or dev]"
    ),
    click.option("--engine", metavar="NAME", help="Instead of the profile's engine."),
    click.option(
        "--vars", "variables", multiple=True, metavar="KEY=VALUE", help="Override vars; a YAML value; repeatable."
    ),
]
_SELECTION = [
    click.option(
        "--select",
        "-s",
        multiple=True,
        metavar="MODELS",
        shell_complete=complete_models,
        help="As in +mart_users; repeatable.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="MODELS",
        shell_complete=complete_models,
        help="To leave out, in the same grammar; repeatable.",
    ),
    click.option("--changed-since", metavar="REF", help="Only what changed since a git commit, and what reads it."),
]
_REQUEST = [
    click.option(
        "--cache",
        type=click.Choice(["off", "rw", "ro", "wo"]),
        default="rw",
        show_default=True,
        help="rw: reuse and record; ro or wo: only one; off: none.",
    ),
    click.option("--no-cache", is_flag=True, help="The same as --cache off."),
    click.option(
        "--rebuild",
        multiple=True,
        metavar="GLOB",
        shell_complete=complete_names,
        help="Models to build in any case; repeatable.",
    ),
    click.option(
        "--full-refresh",
        multiple=True,
        metavar="GLOB",
        shell_complete=complete_names,
        help="Incremental models to build from scratch; repeatable.",
    ),
]


@dataclass(frozen=True)
class ProjectOptions:
    """Which project, on which profile and engine, with which variables; and whether its statements are shown."""

    root: Path
    env: str | None = None
    engine: str | None = None
    variables: Sequence[str] = ()
    shows_statements: bool = False
    as_json: bool = False

    def load(self) -> Project:
        """Load the project. Raises ProjectError with all that is wrong with it, UsageError for a malformed --vars."""
        from fft_core import load_project

        given = parse_variables(self.variables)
        project = load_project(self.root, self.env, engine=self.engine, variables=given)
        _guard(project)
        warn_of_unread_variables(project, given)
        debug = project.environment.get("FFT_SQL_DEBUG", "0").lower() not in ("", "0", "false")
        if self.shows_statements or debug:
            show_statements(as_json=self.as_json)
        return project


def _guard(project: Project) -> None:
    """Mask the secrets of a project in all that the command prints from now on."""
    from fft_core import project_masker, warn_of_short_secrets

    context = click.get_current_context(silent=True)
    invocation = context.find_object(Invocation) if context else None
    if invocation is not None and invocation.guard is not None:
        invocation.guard.masker = project_masker(project)
    warn_of_short_secrets(project)


@dataclass(frozen=True)
class Selection:
    """Which models and seeds."""

    select: Sequence[str] = ()
    exclude: Sequence[str] = ()
    changed_since: str | None = None

    @property
    def narrows(self) -> bool:
        """Whether anything is said, so that it may be less than the whole project."""
        return bool(self.select or self.exclude) or self.changed_since is not None

    def names(self, project: Project) -> frozenset[str]:
        """Choose them. A database is opened only where `state:` asks for it. Raises FftError."""
        from fft_core import select_nodes

        return select_nodes(project, self.select, self.exclude, changed_since=self.changed_since)


Among: TypeAlias = "Callable[[Project, Selection, frozenset[str]], frozenset[str]]"
"""What a command makes of the selected names: those that it is about."""


@dataclass(frozen=True)
class PlanOptions:
    """What commands that plan have in common."""

    project: ProjectOptions
    selection: Selection
    request: Request

    def make_plan(
        self,
        among: Among | None = None,
        patience_seconds: int | None = None,
        afterwards: Callable[[Warehouse], None] | None = None,
    ) -> tuple[Run, Plan]:
        """Load the project, look at its warehouse, and decide: for what is selected, or what `among` makes of it.

        `afterwards` is called while the warehouse is open.
        """
        from fft_core import Run
        from fft_dagster.cli.ctrl_c import cancelled_by_ctrl_c

        run = Run(self.project.load(), self.request)
        chosen = self.selection.names(run.project)
        if among is not None:
            chosen = among(run.project, self.selection, chosen)
        with (
            run.open(read_only=True, patience_seconds=patience_seconds) as warehouse,
            cancelled_by_ctrl_c(warehouse.engine.interrupt),
        ):
            plan = run.plan(warehouse, chosen)
            if afterwards is not None:
                afterwards(warehouse)
            return run, plan


def warn_of_unread_variables(project: Project, given: Mapping[str, object]) -> None:
    """Say on stderr which variables of `--vars` no model reads."""
    if not given:
        return
    from fft_core.errors import nearest

    read = project.read_variables()
    for name in given if "*" not in read else ():
        if name not in read:
            hint = nearest(name, read) or ""
            echo(f"warning: --vars {name}: no model reads this variable. {hint}".rstrip(), err=True)


def takes_root(command: Command) -> Command:
    """Add the project's folder only: for commands that need no profile."""
    return with_options(command, [_ROOT])


def takes_project(command: Command) -> Command:
    """Add the project, and how it is loaded; `project_options` makes the value."""
    return with_options(command, _PROJECT)


def takes_selection(command: Command) -> Command:
    """Add `--select`, `--exclude` and `--changed-since`; `selection_options` makes the value."""
    return with_options(command, _SELECTION)


def takes_plan(command: Command) -> Command:
    """Add all that makes a plan; `plan_options` makes the value."""
    return with_options(command, [*_PROJECT, *_SELECTION, *_REQUEST])


def project_options(root: Path, env: str | None, engine: str | None, variables: tuple[str, ...]) -> ProjectOptions:
    """Make the value of what `takes_project` adds."""
    return ProjectOptions(root, env, engine, variables)


def selection_options(select: tuple[str, ...], exclude: tuple[str, ...], changed_since: str | None) -> Selection:
    """Make the value of what `takes_selection` adds."""
    return Selection(select, exclude, changed_since)


def plan_options(
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    changed_since: str | None,
    cache: Any,  # Any: click has checked that it is a CacheMode
    no_cache: bool,
    rebuild: tuple[str, ...],
    full_refresh: tuple[str, ...],
    **project: Any,  # Any: the values that project_options names
) -> PlanOptions:
    """Make the value of what `takes_plan` adds."""
    from fft_core import Request

    selection = selection_options(select, exclude, changed_since)
    return PlanOptions(
        project_options(**project), selection, Request("off" if no_cache else cache, rebuild, full_refresh)
    )


def parse_variables(given: Sequence[str]) -> Mapping[str, object]:
    """Read `KEY=VALUE` pairs, whose values are YAML. Raises UsageError for anything else."""
    if not given:
        return {}
    import yaml

    variables = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError("--vars: what is given is not KEY=VALUE")  # it may be a secret, and is not repeated
        try:
            variables[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise click.UsageError(f"--vars {key}: the value is not YAML") from error  # nor is it repeated
    return variables


def with_options(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """Add options to a command, in this order."""
    for option in reversed(options):
        command = option(command)
    return command
