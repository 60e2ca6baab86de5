"""The arguments and options that commands share, and the values that they become. Imports nothing slow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fft_dagster.cli.completion import complete_models, complete_names

if TYPE_CHECKING:
    from fft_core import Plan, Project, Request

Command = TypeVar("Command", bound=Callable[..., None])

_ROOT = click.argument("root", metavar="[PROJECT]", type=click.Path(path_type=Path), default=".")
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
    """Which project, on which profile and engine, with which variables."""

    root: Path
    env: str | None = None
    engine: str | None = None
    variables: Sequence[str] = ()

    def load(self) -> Project:
        """Load the project. Raises ProjectError with all that is wrong with it, UsageError for a malformed --vars."""
        from fft_core import load_project

        return load_project(self.root, self.env, engine=self.engine, variables=parse_variables(self.variables))


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


@dataclass(frozen=True)
class PlanOptions:
    """What commands that plan have in common."""

    project: ProjectOptions
    selection: Selection
    request: Request

    def make_plan(self) -> tuple[Project, Plan]:
        """Load the project, look at its warehouse, and decide."""
        from fft_core import make_plan, open_warehouse

        project = self.project.load()
        chosen = self.selection.names(project)
        with open_warehouse(project, read_only=True) as warehouse:
            return project, make_plan(warehouse, self.request, chosen)


def takes_root(command: Command) -> Command:
    """Add the project's folder only: for commands that need no profile."""
    return _with(command, [_ROOT])


def takes_project(command: Command) -> Command:
    """Add the project, and how it is loaded; `project_options` makes the value."""
    return _with(command, _PROJECT)


def takes_selection(command: Command) -> Command:
    """Add `--select`, `--exclude` and `--changed-since`; `selection_options` makes the value."""
    return _with(command, _SELECTION)


def takes_plan(command: Command) -> Command:
    """Add all that makes a plan; `plan_options` makes the value."""
    return _with(command, [*_PROJECT, *_SELECTION, *_REQUEST])


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
    rebuild: tuple[str, ...],
    full_refresh: tuple[str, ...],
    **project: Any,  # Any: the values that project_options names
) -> PlanOptions:
    """Make the value of what `takes_plan` adds."""
    from fft_core import Request

    selection = selection_options(select, exclude, changed_since)
    return PlanOptions(project_options(**project), selection, Request(cache, rebuild, full_refresh))


def parse_variables(given: Sequence[str]) -> Mapping[str, object]:
    """Read `KEY=VALUE` pairs, whose values are YAML. Raises UsageError for anything else."""
    if not given:
        return {}
    import yaml

    variables = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--vars {pair!r} is not KEY=VALUE")
        try:
            variables[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise click.UsageError(f"--vars {pair!r}: the value is not YAML: {error}") from error
    return variables


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
