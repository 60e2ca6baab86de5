"""The arguments and options that commands share, and the values that they become. Imports nothing slow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from fft_cli.completion import complete_models, complete_names
from fft_cli.option_values import included, option, read_by
from fft_cli.statements import show_statements
from fft_cli.terminal import echo

if TYPE_CHECKING:
    from fft_core import Plan, Project, Request, Run, Warehouse
    from fft_core.plan.decision import CacheMode
    from fft_core.run.output_guard import OutputGuard


ALL = "*"
"""The glob that an option stands for if none is said: all that is selected."""


@dataclass
class Invocation:
    """A call of `fft`: the folder of the project, and the masking of its output."""

    root: Path | None = None
    guard: OutputGuard | None = None


def _noted(context: click.Context, _: click.Parameter, root: Path) -> Path:
    invocation = context.find_object(Invocation)
    if invocation is not None:
        invocation.root = root
    return root


takes_root = click.argument("root", metavar="[PROJECT]", type=click.Path(path_type=Path), default=".", callback=_noted)
"""The project's folder only: for commands that need no profile."""


@dataclass(frozen=True)
class ProjectOptions:
    """The project, its profile, engine and variables; and whether its statements are shown."""

    root: Path = field(metadata=read_by(takes_root))
    env: str | None = field(
        default=None,
        metadata=option(
            "--env",
            "-e",
            metavar="NAME",
            help="The environment: its profile and its .env files. [default: FFT_ACTIVE_ENV, or dev]",
        ),
    )
    engine: str | None = field(
        default=None,
        metadata=option("--engine", metavar="NAME", help="The engine to use instead of the profile's."),
    )
    variables: Sequence[str] = field(
        default=(),
        metadata=option(
            "--vars",
            "variables",
            multiple=True,
            metavar="KEY=VALUE",
            help="A variable to override, as in first_id=100; repeatable.",
        ),
    )
    shows_statements: bool = False
    as_json: bool = False
    stores_failures: bool = False
    judges: bool = False

    def load(self) -> Project:
        """Load the project. Raises ProjectError with all its problems, UsageError for a malformed --vars."""
        from fft_core import load_project

        given = parse_variables(self.variables)
        _install_missing_packages(self.root)
        project = load_project(self.root, self.env, engine=self.engine, variables=given)
        _guard(project)
        warn_of_unread_variables(project, given)
        debugs = [project.environment.get(name, "0") for name in ("FFT_SQL_DEBUG", "FLOWFORGE_SQL_DEBUG")]
        debug = any(value.lower() not in ("", "0", "false") for value in debugs)
        if self.shows_statements or debug:
            show_statements(as_json=self.as_json)
        if self.judges:
            project = _with_functions(project)
        if self.stores_failures:
            from fft_core.project.model.project import with_stored_failures

            return with_stored_failures(project)
        return project


def _with_functions(project: Project) -> Project:
    """Add their functions to the checks of the scheduler, if there are any. Raises ProjectError."""
    from fft_core.project.model import JudgedRows

    if not any(isinstance(check.rule, JudgedRows) for check in project.checks):
        return project
    from fft_cli.face import face

    return face().with_functions(project)


def _install_missing_packages(root: Path) -> None:
    if (root / "packages.yml").is_file():
        from fft_core.project.packages.install import install_missing_packages

        install_missing_packages(root, say=lambda text: echo(f"fetching {text}", err=True))


def _guard(project: Project) -> None:
    """Mask the secrets of a project in all further output of the command."""
    from fft_core.project.profile.secrets import project_masker, warn_of_short_secrets

    context = click.get_current_context(silent=True)
    invocation = context.find_object(Invocation) if context else None
    if invocation is not None and invocation.guard is not None:
        invocation.guard.masker = project_masker(project)
    warn_of_short_secrets(project)


@dataclass(frozen=True)
class Selection:
    """The selected models and seeds."""

    select: Sequence[str] = field(
        default=(),
        metadata=option(
            "--select",
            "-s",
            multiple=True,
            metavar="MODELS",
            shell_complete=complete_models,
            help="Models to select: users, +users, tag:nightly, path:models/marts; repeatable.",
        ),
    )
    exclude: Sequence[str] = field(
        default=(),
        metadata=option(
            "--exclude",
            multiple=True,
            metavar="MODELS",
            shell_complete=complete_models,
            help="Models to leave out, written as for --select; repeatable.",
        ),
    )
    changed_since: str | None = field(
        default=None,
        metadata=option(
            "--changed-since", metavar="REF", help="Models changed since a git commit, and models that depend on them."
        ),
    )

    @property
    def narrows(self) -> bool:
        """Whether there is a selection, so that fewer nodes than the whole project may be selected."""
        return bool(self.select or self.exclude) or self.changed_since is not None

    def names(self, project: Project, run: Run | None = None) -> frozenset[str]:
        """Choose the nodes; for a run, if there is one. A database is only opened for `state:`. Raises FftError."""
        if not self.narrows:
            return frozenset(node.name for node in project.stored())
        from fft_core.run.select.facts import select_nodes

        chosen = select_nodes(project, self.select, self.exclude, changed_since=self.changed_since, run=run)
        if not chosen and self.changed_since is None:
            _warn_of_empty_terms(self.select)
        return chosen


_MAY_BE_EMPTY = ("state:", "result:")


def _warn_of_empty_terms(expressions: Sequence[str]) -> None:
    """Print on stderr that a tag, path or glob selects nothing: probably a typing error. Unknown names are errors."""
    for text in expressions:
        if any(mark in text for mark in ":*?[") and not any(term in text for term in _MAY_BE_EMPTY):
            echo(f"warning: --select {text} selects nothing. `fft ls` lists all models with tags and files.", err=True)


Among: TypeAlias = "Callable[[Project, Selection, frozenset[str]], frozenset[str]]"
"""What a command makes of the selected names: those that it is about."""


@dataclass(frozen=True)
class RequestOptions:
    """The options of a plan: what it may reuse and record, and what is built even if nothing changed."""

    cache: CacheMode = field(
        default="rw",
        metadata=option(
            "--cache",
            type=click.Choice(["off", "rw", "ro", "wo"]),
            default="rw",
            show_default=True,
            help="rw: reuse and record; ro: only reuse; wo: rebuild and record; off: only rebuild.",
        ),
    )
    no_cache: bool = field(default=False, metadata=option("--no-cache", is_flag=True, help="The same as --cache off."))
    rebuild: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "--rebuild",
            multiple=True,
            is_flag=False,
            flag_value=ALL,
            metavar="[GLOB]",
            shell_complete=complete_names,
            help="Models to build even if nothing changed; without GLOB, all; repeatable.",
        ),
    )
    full_refresh: tuple[str, ...] = field(
        default=(),
        metadata=option(
            "--full-refresh",
            multiple=True,
            metavar="GLOB",
            shell_complete=complete_names,
            help="Incremental models whose rows are all built again; repeatable.",
        ),
    )

    def value(self) -> Request:
        """Return the request for the core."""
        from fft_core import Request

        return Request("off" if self.no_cache else self.cache, self.rebuild, self.full_refresh)


DEFERRED = option(
    "--defer",
    metavar="ENV",
    help="The environment from which to read inputs that are neither selected nor built here. [default: FFT_DEFER]",
)
"""The environment from which is read what is not built."""


@dataclass(frozen=True)
class PlanOptions:
    """The options that all commands with a plan share."""

    project: ProjectOptions = field(metadata=included(ProjectOptions))
    selection: Selection = field(metadata=included(Selection))
    asked: RequestOptions = field(metadata=included(RequestOptions))
    defer: str | None = field(default=None, metadata=DEFERRED)

    @property
    def request(self) -> Request:
        """The request for the plan."""
        return self.asked.value()

    def make_plan(
        self,
        among: Among | None = None,
        patience_seconds: int | None = None,
        afterwards: Callable[[Run, Warehouse], None] | None = None,
        *,
        begins: bool = False,
    ) -> tuple[Run, Plan]:
        """Load the project, read the state of its warehouse, and decide for the selected nodes, or those of `among`.

        `afterwards` is called while the warehouse is open. If the plan `begins` a run, the start hooks run before the
        state is read; otherwise the run has no hooks.
        """
        from fft_cli.ctrl_c import cancelled_by_ctrl_c
        from fft_core import Run
        from fft_core.project.model.project import without_hooks

        loaded = replace(self.project, judges=True).load()
        run = Run(loaded if begins else without_hooks(loaded), self.request, defer=self.defer)
        chosen = self.selection.names(run.project, run)
        if among is not None:
            chosen = among(run.project, self.selection, chosen)
        if begins and run.project.hooks:
            run.hooks.begin()
        with (
            nullcontext(run.sessions.of_thread())
            if begins and run.project.hooks
            else run.open(read_only=True, patience_seconds=patience_seconds, late=True) as warehouse,
            cancelled_by_ctrl_c(warehouse.engine.interrupt),
        ):
            plan = run.plan(warehouse, chosen)
            if afterwards is not None:
                afterwards(run, warehouse)
            return run, plan


def warn_of_unread_variables(project: Project, given: Mapping[str, object]) -> None:
    """Print on stderr the variables of `--vars` that no model reads."""
    if not given:
        return
    from fft_core.errors import nearest
    from fft_core.project.model.project import read_variables

    read = read_variables(project)
    for name in given if "*" not in read else ():
        if name not in read:
            hint = nearest(name, read) or ""
            echo(f"warning: --vars {name}: no model reads this variable. {hint}".rstrip(), err=True)


def parse_variables(given: Sequence[str]) -> Mapping[str, object]:
    """Read `KEY=VALUE` pairs, whose values are YAML. Raises UsageError for other texts."""
    if not given:
        return {}
    import yaml

    variables = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.UsageError("--vars: a value is not of the form KEY=VALUE")  # may be a secret, and is not shown
        try:
            variables[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise click.UsageError(f"--vars {key}: the value is not valid YAML") from error  # not shown, either
    return variables
