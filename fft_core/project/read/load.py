"""The loader: a folder becomes a Project; loading unchanged files again reads a cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fft_core.engines.spec import Namespace
from fft_core.engines.spec.registry import spec_of
from fft_core.errors import Problem, ProfileError, ProjectError
from fft_core.project.model import CheckContext, CustomRule, Project
from fft_core.project.places import Places, may_clash, refuse_shared_places
from fft_core.project.profile.profiles import Profiles, active_env, load_environment
from fft_core.project.profile.secret_values import environment_masker
from fft_core.project.read.cache import cached_project, keep_edits, keep_project, last_read
from fft_core.project.read.conditions import hold, seen_by_code
from fft_core.project.read.files import ProjectFiles, find_files, refuse_no_project, seeds_folder


def load_project(
    root: Path | str,
    env: str | None = None,
    *,
    engine: str | None = None,
    variables: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Project:
    """Load the project in a folder; opens no database and runs no user code.

    Python models whose decorators have computed arguments are an exception: each such file is imported, in a separate
    process, if something that it reads has changed.

    Args:
        root: The folder with `project.yml` and `models/`.
        env: The name of the environment, which selects the profile and the .env layers; None: FFT_ACTIVE_ENV or "dev".
        engine: The engine's name; None: that of the active profile.
        variables: Override the `vars` of project.yml.
        environment: The variables for `env()`; None: the .env layers below the process environment.

    Raises:
        ProjectError: with all problems of all files, including those of an unusable profile.

    >>> from fft_core import load_project
    >>> project = load_project("shop")
    >>> [model.name for model in project.order()]
    ['users', 'domains']
    """
    root, env = Path(root).resolve(), active_env(env)
    refuse_no_project(root)
    if environment is None:
        environment = load_environment(root, env)
    problems: list[Problem] = []
    profiles = Profiles(root, env, environment)
    try:
        engine = engine or _engine_name(profiles, problems)
        project = _read(root, env, engine, profiles.namespace(engine), environment, problems)
    except ProjectError as error:
        environment_masker({**environment, **(variables or {})}).error(error)
        raise
    given = {**project.variables, **(variables or {})}
    loaded = replace(project, environment=environment, variables=given, profiles_read=profiles)
    places = Places(loaded, profiles.namespace(engine).relation(""), profiles.naming)
    if not places.are_plain or may_clash(loaded):
        refuse_shared_places(loaded, places, spec_of(engine).folded)
    return _with_context(loaded) if any(isinstance(check.rule, CustomRule) for check in loaded.checks) else loaded


def _with_context(project: Project) -> Project:
    """Add the project to the context of custom checks, without the parts that their code cannot use."""
    context = CheckContext(replace(project, models={}, seeds={}, checks=(), unit_tests=()))
    checks = [
        replace(check, rule=replace(check.rule, context=context)) if isinstance(check.rule, CustomRule) else check
        for check in project.checks
    ]
    return replace(project, checks=tuple(checks))


def _engine_name(profiles: Profiles, problems: list[Problem]) -> str:
    try:
        return profiles.active().engine
    except ProfileError as error:
        problems.append(error.problem)
        return "unknown"


def _read(
    root: Path,
    env: str,
    engine: str,
    namespace: Namespace,
    environment: Mapping[str, str],
    problems: list[Problem],
) -> Project:
    files = find_files(root, seeds_folder(root, environment))
    key = files.digest() + f":{env}:{engine}:{namespace.schema}:{namespace.catalog}"
    project = None if problems else cached_project(root, key)
    if project is not None and hold(project.conditions, seen_by_code(environment, engine, env)):
        return project
    project = None if problems else _edited(root, key, files, seen_by_code(environment, engine, env))
    if project is not None:
        return project
    from fft_core.project.read.reader import Reader  # with the parsers that reading needs; a cached project needs none

    project = Reader(root, env, engine, files, problems, environment=environment, namespace=namespace).read()
    if project.conditions.is_complete:
        keep_project(project, key, files.digests)
    return project


def _edited(root: Path, key: str, files: ProjectFiles, seen: Mapping[str, str]) -> Project | None:
    """Return the project as last read, with new SQL in some models, if that is all that has changed since."""
    last = last_read(root, key)
    if last is None or not hold(last.project.conditions, seen):
        return None
    from fft_core.project.read.edited import edited_models  # after an edit

    models = edited_models(last, files)
    if models is None:
        return None
    keep_edits(last, models, key)
    return replace(last.project, models={**last.project.models, **models})
