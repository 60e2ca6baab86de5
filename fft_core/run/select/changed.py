"""The models and seeds that changed since a commit: by their files, and by comparison with that commit's project."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from fft_core.compile.python_closure import PythonReader
from fft_core.errors import FftError, Location, ModelError, Problem, ProjectError, RequestError, nearest
from fft_core.names import model_name
from fft_core.project.model import (
    JudgedRows,
    Model,
    Node,
    Package,
    Project,
    PythonBody,
    PythonCheck,
    SourceName,
    SqlBody,
    SqlCheck,
)
from fft_core.project.profile.secret_values import environment_masker
from fft_core.project.read.files import ProjectFiles, find_files, find_package_files, seeds_folder
from fft_core.project.read.load import load_project
from fft_core.project.read.yaml_file import YamlFile, parse_yaml
from fft_core.run.select.commits import Changes, changes_since

LISTED = "FF_CI_CHANGED_MODELS"
_PROJECT, _PACKAGES, _PROFILES = Path("project.yml"), Path("packages.yml"), Path("profiles.yml")
_NOWHERE = Location(Path())
_log = logging.getLogger(__name__)
Key = TypeVar("Key")


def affected_nodes(project: Project, ref: str) -> frozenset[str]:
    """Return the names of the nodes that changed since a commit, and of all that depend on them. Raises FftError."""
    changed = changed_nodes(project, ref)
    return changed | {below for name in changed for below in project.downstream(name)}


def changed_nodes(project: Project, ref: str) -> frozenset[str]:
    """Return the names of the models and seeds that changed since a commit, in their own files or in others.

    If FF_CI_CHANGED_MODELS is set, to names separated by commas, these are returned, and git is not called. If the
    project of the commit does not load, all nodes count as changed; a warning has the reason.

    Raises:
        FftError: git fails, the commit does not exist, or a name in the list does not.
    """
    listed = [name.strip() for name in project.environment.get(LISTED, "").split(",") if name.strip()]
    if listed:
        here = (name for name in listed if model_name(name) not in project.elsewhere)
        return frozenset(_known(project, name) for name in here)
    changes = changes_since(project.root, ref, _PROJECT)
    packages = {package.name: _changes_of(package, ref, changes) for package in project.packages.values()}
    return frozenset(_changed(project, changes, packages))


def _known(project: Project, text: str) -> str:
    name = model_name(text)
    if name not in project.models and name not in project.seeds:
        hint = nearest(name, [*project.models, *project.seeds])
        raise RequestError(f"{LISTED} names {text!r}, which is not a model or seed", hint=hint, code="FFT-301")
    return name


def _changes_of(package: Package, ref: str, project: Changes) -> Changes | None:
    """Return the changes in the folder of a package; None if the package is not in the project's repository."""
    try:
        changes = changes_since(package.home.root, ref, _PROJECT)
    except FftError:
        return None
    return changes if changes.repository == project.repository else None


def _changed(project: Project, changes: Changes, packages: Mapping[str, Changes | None]) -> Iterator[str]:
    if changes.files & set(map(Path, _loaded(project.env))):
        yield from _all(project)
    files = set(changes.files)
    for package in project.packages.values():
        of_package = packages[package.name]
        if of_package is not None:
            files |= {package.home.shown / path for path in of_package.files}
        elif package.commit is None:  # a package from git is fixed by packages.lock.yml
            yield from _made_with(project, package)
    yield from (node.name for node in _nodes(project) if node.path in files)
    yield from _importing(project, files)
    yield from _judged_with(project, files)
    if any(map(_says_of_others, files)):
        yield from _said_otherwise(project, changes, packages)


def _says_of_others(path: Path) -> bool:
    """Return whether a file can change models of other files; only then is the project of the commit loaded."""
    return path.suffix in (".yml", ".yaml") or bool({"macros", "macros_py"} & set(path.parts))


def _loaded(env: str) -> tuple[str, ...]:
    """Return the files that can change any model."""
    return ("packages.yml", "packages.lock.yml", ".env", ".env.local", f".env.{env}", f".env.{env}.local")


def _all(project: Project) -> tuple[str, ...]:
    return (*project.models, *project.seeds)


def _nodes(project: Project) -> tuple[Node, ...]:
    return (*project.models.values(), *project.seeds.values())


def _made_with(project: Project, package: Package) -> Iterator[str]:
    files = [path for path in project.macros if path.is_relative_to(package.home.shown)]
    yield from (model.name for model in project.models.values() if model.package == package.name)
    yield from _calling(project, _macros(project, files))


def _importing(project: Project, files: Collection[Path]) -> Iterator[str]:
    """Yield the models with one of these modules in their code; a model whose code cannot be read counts as changed."""
    reader = PythonReader()
    for model in project.models.values() if any(path.suffix == ".py" for path in files) else ():
        if any(_has_code_in(files, project, reader, path, name) for path, name in _functions(project, model)):
            yield model.name


def _judged_with(project: Project, files: Collection[Path]) -> Iterator[str]:
    """Yield the models and seeds with a custom check in these files, or with one of these modules in its code."""
    reader = PythonReader()
    for check in project.checks:
        rule, node = check.rule, check.node
        if isinstance(rule, PythonCheck):
            code = [(rule.path, rule.function)]
        elif isinstance(rule, JudgedRows):
            code = [] if rule.path.is_absolute() else [(rule.path, "")]
        elif isinstance(rule, SqlCheck):
            code = [(project.python_macros[name], name) for name in sorted(rule.python_macros)]
        else:
            continue
        is_changed = rule.path in files or any(_has_code_in(files, project, reader, *one) for one in code)
        yield from [node] if isinstance(node, str) and is_changed else []


def _functions(project: Project, model: Model) -> list[tuple[Path, str]]:
    if isinstance(model.body, PythonBody):
        return [(model.path, model.body.function)]
    if not isinstance(model.body, SqlBody):
        return []
    return [(project.python_macros[name], name) for name in sorted(model.body.python_macros)]


def _has_code_in(files: Collection[Path], project: Project, reader: PythonReader, path: Path, name: str) -> bool:
    home = project.home_of(path)
    try:
        code = reader.sources(home, path, name).code
    except ModelError:
        return True
    return any(home.shown / found in files for found in code)


# --- the project of the commit ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Said:
    """The project of one moment, with its part of profiles.yml and its `models.incremental` as they are written."""

    project: Project
    profile: object
    increments: Mapping[str, object]


def _said_otherwise(project: Project, changes: Changes, packages: Mapping[str, Changes | None]) -> Iterable[str]:
    """Return the models and seeds that the project of the commit defines differently; all if it does not load."""
    now = load_project(project.root, project.env, engine=project.engine, environment=project.environment)
    try:
        before = _before(now, changes, packages)
    except (ProjectError, OSError) as error:
        if isinstance(error, ProjectError):
            environment_masker(project.environment).error(error)
        reason = f"the project of commit {changes.commit[:12]} does not load: {str(error).splitlines()[0]}"
        _log.warning("--changed-since counts all models and seeds as changed: %s", reason)
        return _all(now)
    after = _said(now, now.root)
    is_elsewhere = _PROFILES in changes.files and before.profile != after.profile
    return _all(now) if is_elsewhere else _different(before, after)


def _before(now: Project, changes: Changes, packages: Mapping[str, Changes | None]) -> _Said:
    """Load the project with the files of the commit, and with unchanged files and files unknown to git as they are."""
    from fft_core.project.read.reader import Reader  # it imports the parsers

    if _PROJECT in changes.files - changes.earlier:
        raise ProjectError(
            [Problem("the commit has no such file: the project is new", Location(_PROJECT), code="FFT-102")]
        )
    with tempfile.TemporaryDirectory(prefix="fft-commit-") as folder:
        seeds = seeds_folder(now.root, now.environment)
        root = _restored(changes, find_files(now.root, seeds), Path(folder))
        homes = {}
        for package in now.packages.values():
            before, home = packages[package.name], package.home
            restored = _restored(before, find_package_files(home), Path(folder)) if before else home.root
            homes[package.name] = {"path": str(restored), "models_dir": home.models.as_posix()}
        if homes:  # the restored folders, so that no package is fetched from git
            (root / _PACKAGES).unlink(missing_ok=True)
            (root / _PACKAGES).write_text(yaml.safe_dump(homes, allow_unicode=True), encoding="utf-8")
        project = Reader(
            root,
            now.env,
            now.engine,
            find_files(root, seeds),
            [],
            environment=now.environment,
            namespace=now.profiles.namespace(now.engine),
            warn=lambda *_: None,
            keeps=False,
        ).read()
        return _said(project, root)


def _restored(changes: Changes, files: ProjectFiles, tree: Path) -> Path:
    """Restore the changed files, and link to the others. Returns the folder that stands for that of the changes."""
    folder = changes.restore(tree)
    for path in files.paths:
        if path not in changes.files and not (folder / path).is_symlink():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).symlink_to(changes.root / path)
    return folder


def _said(project: Project, root: Path) -> _Said:
    profiles, settings = _written(root / _PROFILES), _written(root / _PROJECT) or {}
    # a template that is not plain YAML equals no other
    profile = object() if profiles is None else profiles.get(project.env, profiles.get("default"))
    increments = (settings.get("models") or {}).get("incremental") or {}
    return _Said(project, profile, {model_name(str(name)): said for name, said in increments.items()})


def _written(path: Path) -> dict[str, Any] | None:
    """Return the mapping in a YAML file; None if the file contains something else."""
    text = path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
    file = parse_yaml(text, path)
    return file.content if isinstance(file, YamlFile) and isinstance(file.content, dict) else None


# --- two projects -----------------------------------------------------------------------------------------------------


def _different(earlier: _Said, later: _Said) -> Iterator[str]:
    """Yield the names of the nodes of a project that an earlier one defines differently."""
    before, now = earlier.project, later.project
    if before.secrets != now.secrets:
        yield from _all(now)
    yield from _differing(earlier.increments, later.increments) & set(_all(now))
    yield from _differing(_said_of_nodes(before), _said_of_nodes(now)) & set(_all(now))
    sources = _differing(_said_of_sources(before), _said_of_sources(now))
    yield from (model.name for model in now.models.values() if sources.intersection(model.sources))
    yield from (seed for source in sources & now.sources.keys() if (seed := now.seed_behind(source)))
    variables = _differing(before.variables, now.variables)
    for model, body in _sql_models(now):
        if variables & body.variables or (variables and "*" in body.variables):
            yield model.name
    functions = _differing(before.python_macros, now.python_macros)
    yield from (model.name for model, body in _sql_models(now) if functions & body.python_macros)
    macros = [_macros(project, project.macros) for project in (before, now)]
    files = _differing(before.macros, now.macros)
    called = frozenset[str]().union(*(_macros(p, files & p.macros.keys()) for p in (before, now)))
    yield from _calling(now, called if macros[0] <= macros[1] else None)


def _differing(before: Mapping[Key, object], now: Mapping[Key, object]) -> set[Key]:
    return {key for key in {**before, **now} if (key in before, before.get(key)) != (key in now, now.get(key))}


def _said_of_nodes(project: Project) -> dict[str, object]:
    return {node.name: (node, _checks(project, node.name)) for node in _nodes(project)}


def _said_of_sources(project: Project) -> dict[SourceName, object]:
    sources = project.sources.items()
    return {name: (replace(source, location=_NOWHERE), _checks(project, name)) for name, source in sources}


def _checks(project: Project, node: str | SourceName) -> list[object]:
    return [replace(check, location=_NOWHERE) for check in project.checks_of(node)]


def _sql_models(project: Project) -> Iterator[tuple[Model, SqlBody]]:
    return ((model, model.body) for model in project.models.values() if isinstance(model.body, SqlBody))


def _calling(project: Project, macros: Collection[str] | None) -> Iterator[str]:
    """Yield the SQL models that use one of these macros; all for None: a name of a removed macro may mean another."""
    return (model.name for model, body in _sql_models(project) if macros is None or body.macros & set(macros))


def _macros(project: Project, files: Collection[Path]) -> frozenset[str]:
    """Return the names of the macros in files."""
    from fft_core.project.read.sql_file import new_environment, parse_macros  # Jinja is slow to import

    jinja = new_environment() if files else None
    parsed = [parse_macros(project.macros[path], path, jinja, project.engine)[0] for path in files if jinja]
    return frozenset(macro.name for macros in parsed for macro in macros)
