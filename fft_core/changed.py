"""Which models and seeds the files that changed since a commit say something of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fft_core.errors import FftError, ModelError, RequestError, nearest
from fft_core.git import Changes, changes_since
from fft_core.names import model_name
from fft_core.project.model import Home, Node, Package, Project, PythonBody, SqlBody
from fft_core.project.python_closure import PythonReader
from fft_core.project.yaml_file import YamlFile, parse_yaml

LISTED = "FF_CI_CHANGED_MODELS"
_PROJECT = Path("project.yml")
_SEEDS = Path("seeds/schema.yml")
# What project.yml says there changes no rows, or is looked at by itself.
_LOOKED_AT = frozenset({"vars", "tests", "models"})
_WITHOUT_ROWS = frozenset({"name", "version", "docs", "models_dir", "fingerprint", "lint"})


def affected_nodes(project: Project, ref: str) -> frozenset[str]:
    """Name what changed since a commit, and all that reads it. Raises FftError, as `changed_nodes` does."""
    changed = changed_nodes(project, ref)
    return changed | {below for name in changed for below in project.downstream(name)}


def changed_nodes(project: Project, ref: str) -> frozenset[str]:
    """Name the models and seeds that changed since a commit: by their files, or by others that say something of them.

    FF_CI_CHANGED_MODELS, a list of names with commas between them, is believed instead of git where it is set.

    Raises:
        FftError: git cannot be asked, there is no such commit, or a name in the list is not there.
    """
    listed = [name.strip() for name in project.environment.get(LISTED, "").split(",") if name.strip()]
    if listed:
        return frozenset(_known(project, name) for name in listed)
    home, changes = Home(project.root), changes_since(project.root, ref, _PROJECT)
    names = {name for path in changes.files for name in _touched(project, home, changes, path)}
    for package in project.packages.values():
        names.update(_touched_in(project, package, ref, changes.repository))
    return frozenset(names)


def _known(project: Project, text: str) -> str:
    name = model_name(text)
    if name not in project.models and name not in project.seeds:
        hint = nearest(name, [*project.models, *project.seeds])
        raise RequestError(f"{LISTED} names {text!r}, which is not a model or seed", hint=hint)
    return name


def _touched_in(project: Project, package: Package, ref: str, repository: Path) -> Iterable[str]:
    """What changed by the files of a package; all that it is part of, where they are in no repository or another one.

    A package from git is what packages.lock.yml says.
    """
    if package.commit is not None:
        return
    try:
        changes = changes_since(package.home.root, ref, _PROJECT)
    except FftError:
        yield from _made_with(project, package)
        return
    if changes.repository != repository:
        yield from _made_with(project, package)
        return
    for path in changes.files:
        yield from _touched(project, package.home, changes, path)


def _made_with(project: Project, package: Package) -> Iterator[str]:
    files = [path for path in project.macros if path.is_relative_to(package.home.shown)]
    macros = frozenset[str]().union(*(_macros(project, project.macros[path], path) for path in files))
    yield from (model.name for model in project.models.values() if model.package == package.name)
    yield from (name for name, body in _sql_bodies(project) if body.macros & macros)


def _touched(project: Project, home: Home, changes: Changes, path: Path) -> Iterable[str]:
    """What one file of the project, or of a package, says something of."""
    shown = home.shown / path
    nodes: list[Node] = [*project.models.values(), *project.seeds.values()]
    yield from (node.name for node in nodes if node.path == shown)
    if path.suffix == ".py":
        yield from _importing(project, home, path)
    elif path.is_relative_to(home.models / "macros") and path.name.endswith((".sql", ".sql.j2")):
        yield from _calling(project, changes, path)
    elif path.is_relative_to(home.models) and path.suffix in (".yml", ".yaml"):
        yield from _described(project, changes, path)
    elif home.root == project.root:
        yield from _said_by(project, changes, path)


def _said_by(project: Project, changes: Changes, path: Path) -> Iterable[str]:
    """What changed by a file that only the project has: what a package has of the kind is not read."""
    if path == Path("sources.yml"):
        yield from _reading(project, changes, path)
    elif path == _SEEDS:
        yield from _placed(project, changes)
    elif path == _PROJECT:
        yield from _set(project, changes)
    elif path == Path("profiles.yml"):
        yield from _all(project) if _profile_changed(project, changes, path) else ()
    elif path.as_posix() in _loaded(project.env):
        yield from _all(project)


def _all(project: Project) -> tuple[str, ...]:
    return (*project.models, *project.seeds)


def _loaded(env: str) -> tuple[str, ...]:
    """Files that can change each model, in a way that only loading the project as it was could tell."""
    return ("packages.yml", "packages.lock.yml", ".env", ".env.local", f".env.{env}", f".env.{env}.local")


def _importing(project: Project, home: Home, path: Path) -> Iterator[str]:
    """Python models whose code a module is part of; one whose modules cannot be read counts as changed."""
    reader = PythonReader()
    for model in project.models.values():
        if isinstance(model.body, PythonBody) and project.home_of(model.path).root == home.root:
            try:
                code = reader.sources(home, model.path, model.body.function).code
            except ModelError:
                code = {path.as_posix(): ""}
            if path.as_posix() in code:
                yield model.name


def _calling(project: Project, changes: Changes, path: Path) -> Iterator[str]:
    """SQL models that a file of macros is part of; all, where a macro of it is gone and another name may stand in."""
    now, before = (_macros(project, text, path) for text in (changes.text_now(path), changes.text_before(path)))
    known = {name for file, text in project.macros.items() for name in _macros(project, text, file)}
    is_gone = bool(before - known)
    for name, body in _sql_bodies(project):
        if is_gone or body.macros & (now | before):
            yield name


def _macros(project: Project, text: str | None, path: Path) -> frozenset[str]:
    from fft_core.project.sql_file import new_environment, parse_macros  # Jinja is slow to import

    macros, _ = parse_macros(text or "", path, new_environment(), project.engine)
    return frozenset(macro.name for macro in macros)


def _sql_bodies(project: Project) -> Iterator[tuple[str, SqlBody]]:
    for model in project.models.values():
        if isinstance(model.body, SqlBody):
            yield model.name, model.body


def _described(project: Project, changes: Changes, path: Path) -> Iterator[str]:
    """The models and seeds whose entries in a schema file differ."""
    entries = [_by_name(_list(content.get("models")) + _list(content.get("seeds"))) for content in _both(changes, path)]
    yield from (name for name in _differing(*entries) if name in _all(project))


def _reading(project: Project, changes: Changes, path: Path) -> Iterator[str]:
    """The models that read sources whose entries differ, and the seeds that fill these."""
    changed = set(_differing(*map(_sources, _both(changes, path))))
    for source in project.sources:
        if str(source) in changed:
            yield from (model.name for model in project.models.values() if source in model.sources)
            seed = project.seed_behind(source)
            yield from [seed] if seed else []


def _sources(content: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of each source, the group's part included, in either form of sources.yml."""
    found = {}
    if "sources" in content or "version" in content:
        for group, said in _by_name(_list(content.get("sources"))).items():
            for part in said:
                for table, entry in _by_name(_list(part.get("tables"))).items():
                    found[f"{group}.{table}"] = ({**part, "tables": None}, entry)
        return found
    for group, tables in content.items():
        found.update({f"{group}.{table}": entry for table, entry in _mapping(tables).items()})
    return found


def _placed(project: Project, changes: Changes) -> Iterator[str]:
    """The seeds that seeds/schema.yml says something else of."""
    before, now = _both(changes, _SEEDS)
    keys = {
        key
        for section in ("targets", "files", "columns")
        for key in _differing(_mapping(before.get(section)), _mapping(now.get(section)))
    }
    for seed in project.seeds.values():
        if keys & {seed.name, seed.seed_id, seed.path.stem}:
            yield seed.name


def _set(project: Project, changes: Changes) -> Iterator[str]:
    """What project.yml says something else of: by variables, tests and settings of models; all by any other key."""
    before, now = _both(changes, _PROJECT)
    if set(_differing(before, now)) - _LOOKED_AT - _WITHOUT_ROWS:
        yield from _all(project)
    variables = set(_differing(_mapping(before.get("vars")), _mapping(now.get("vars"))))
    yield from (name for name, body in _sql_bodies(project) if variables & body.variables)
    yield from (name for name, body in _sql_bodies(project) if variables and "*" in body.variables)
    settings = [_mapping(_mapping(content.get("models")).get("incremental")) for content in (before, now)]
    names = {model_name(str(name)) for name in _differing(*settings)}
    tests = [_list(content.get("tests")) for content in (before, now)]
    for test in (*(t for t in tests[0] if t not in tests[1]), *(t for t in tests[1] if t not in tests[0])):
        names |= _tested(project, str(test.get("table", "")))
    yield from (name for name in names if name in _all(project))


def _tested(project: Project, table: str) -> set[str]:
    """The node that a test names, or the one that fills the source that it names."""
    inner = table.strip("{} ").removeprefix("ref(").removeprefix("source(").rstrip(") ")
    name = ".".join(part.strip(" '\"") for part in inner.split(","))
    behind = [project.seed_behind(s) for s in project.sources if name in (str(s), project.sources[s].identifier)]
    return {model_name(name), *(seed for seed in behind if seed)}


def _profile_changed(project: Project, changes: Changes, path: Path) -> bool:
    """Whether the active profile differs, as it is written: the file is a template, and only plain YAML is compared."""
    before, now = changes.text_before(path), changes.text_now(path)
    files = [parse_yaml(text, path) for text in (before or "", now or "")]
    contents = [file.content for file in files if isinstance(file, YamlFile) and isinstance(file.content, dict)]
    if len(contents) < 2:
        return True
    active = [content.get(project.env, content.get("default")) for content in contents]
    return bool(active[0] != active[1])


def _both(changes: Changes, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a YAML file said and says; nothing where it is not there, or is no mapping."""
    before, now = changes.text_before(path), changes.text_now(path)
    return _content(before, path), _content(now, path)


def _content(text: str | None, path: Path) -> dict[str, Any]:
    file = parse_yaml(text or "", path)
    return _mapping(file.content) if isinstance(file, YamlFile) else {}


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _by_name(entries: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        found.setdefault(model_name(str(entry.get("name"))), []).append(entry)
    return found


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    yield from (key for key in {**before, **now} if (key in before, before.get(key)) != (key in now, now.get(key)))
