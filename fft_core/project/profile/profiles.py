"""The connection: .env layers, profiles.yml rendered with them, FF_* variables and explicit arguments on top."""

from __future__ import annotations

import logging
import os
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from fft_core.engines.spec import EngineSpec, Namespace, Setting
from fft_core.engines.spec.registry import engine_names, spec_of, unknown_hint
from fft_core.errors import EngineError, FftError, Location, Problem, ProfileError, nearest
from fft_core.project.model.nodes import Naming
from fft_core.project.profile.naming import KEY, naming_of, set_aside, template_in
from fft_core.project.read.yaml_file import YamlFile, parse_yaml

_log = logging.getLogger(__name__)
DEFAULT_ENV = "dev"
UNIT_TESTS = "_utest"  # suffix of the profile for unit tests
MAX_WORKERS = "max_workers"
FILE = Path("profiles.yml")
KEYS = {  # the keys of a profile besides those of engines, with their meaning
    "engine": "The engine; `FF_ENGINE` overrides it.",
    KEY: "Templates for schemas and names, which win over those of project.yml: `schema` and `alias`.",
    MAX_WORKERS: "The number of models that are built at a time. [default: the number of processors, at least 4]",
}
_BESIDE = "{{ default_schema }}{{ '_' ~ schema if schema else '' }}"  # for relations that are moved


class Environment(dict[str, str]):
    """The variables for `env()`. They may be secrets: the repr hides them, and a pickle does not contain them.

    An unpickled object reads the .env layers again, in its new process.
    """

    def __init__(self, variables: Mapping[str, str], root: Path, env: str) -> None:
        super().__init__(variables)
        self._layers = root, env

    def __repr__(self) -> str:
        return f"<{len(self)} variables>"

    def __reduce__(self) -> tuple[Callable[..., Environment], tuple[Path, str]]:
        return load_environment, self._layers


@dataclass(frozen=True)
class Profile:
    """The connection to a database: the engine's name and its settings, with absolute paths.

    `settings` may hold credentials, which the repr hides. `max_workers` is the number of steps that run at a time; None
    leaves it to the scheduler.
    """

    name: str
    engine: str
    settings: Mapping[str, Any] = field(repr=False)  # one shape for each engine; see the engine's `connect`
    naming: Naming = field(default_factory=Naming)
    max_workers: int | None = None


def active_env(env: str | None = None) -> str:
    """Choose the environment's name: the argument, FFT_ACTIVE_ENV, or "dev"."""
    return env or os.environ.get("FFT_ACTIVE_ENV") or DEFAULT_ENV


def env_to_check(root: Path, env: str | None = None) -> str:
    """Choose the environment's name for commands without a database: the first if `dev` is only a missing default."""
    active = active_env(env)
    if env or active != DEFAULT_ENV or not (root / FILE).is_file():
        return active
    try:
        profiles = _profiles(root, os.environ).content
    except ProfileError:
        return active  # loading the project reports it
    if active in profiles or "default" in profiles:
        return active
    ours = [
        str(key) for key, said in profiles.items() if isinstance(said, dict) and said.get("engine") in engine_names()
    ]
    return next((name for name in ours if not name.endswith(UNIT_TESTS)), active)


def load_environment(root: Path, env: str, process: Mapping[str, str] | None = None) -> Environment:
    """Merge the .env layers of a project; the process environment wins over all of them.

    Args:
        root: The project's folder.
        env: The environment's name, as in `.env.<env>`.
        process: The process environment; None: `os.environ`.
    """
    merged: dict[str, str] = {}
    for name in (".env", ".env.local", f".env.{env}", f".env.{env}.local"):
        merged |= _layer(root / name, name) if (root / name).is_file() else {}
    return Environment({**merged, **(os.environ if process is None else process)}, root, env)


def _layer(path: Path, name: str) -> dict[str, str]:
    """Read one .env file. An invalid line is skipped with a warning, as documented for FFT."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ProfileError(f"cannot be read: {said}", where=Location(Path(name)), code="FFT-103") from error
    from dotenv import dotenv_values  # slow: most projects have no .env
    from dotenv.parser import parse_stream

    lines = list(parse_stream(StringIO(text)))
    for line in lines:
        if line.error:
            _log.warning("%s:%d: not KEY=VALUE; the line is skipped", name, line.original.line)
    good = "".join(line.original.string for line in lines if not line.error)
    return {key: value for key, value in dotenv_values(stream=StringIO(good)).items() if value is not None}


class Profiles:
    """The file profiles.yml of a project, read once, on first use.

    It may hold credentials: the repr hides them, and a pickle does not contain them.

    Args:
        root: The project's folder; relative paths in a profile start there.
        env: The name of the active profile; if it does not exist, the one named `default` is used, as documented for
            FFT.
        environment: The variables for `env('NAME')`.
        instead: Settings of the active profile that win over the file and over variables.
    """

    def __init__(
        self, root: Path, env: str, environment: Mapping[str, str], instead: Mapping[str, str] | None = None
    ) -> None:
        self._root = root
        self._env = env
        self._environment = environment
        self._instead = dict(instead or {})

    def __repr__(self) -> str:
        return f"<profiles of {self._env}>"

    def __reduce__(self) -> tuple[type[Profiles], tuple[Path, str, Mapping[str, str], Mapping[str, str]]]:
        return Profiles, (self._root, self._env, self._environment, self._instead)

    def active(self, *, engine: str | None = None, **overrides: object) -> Profile:
        """Return the active profile.

        Precedence: profiles.yml, then FF_* variables, then arguments. Without profiles.yml, FF_ENGINE and the FF_*
        variables of that engine are enough.

        Args:
            engine: Overrides the profile's engine.
            overrides: Settings of the engine, such as `path`.

        Raises:
            ProfileError: unknown profile, unknown or invalid key, or a variable that is not set and has no default.
        """
        environment = self._environment
        wanted_engine = engine or environment.get("FF_ENGINE") or None
        if self._file is None:
            if wanted_engine is None:
                hint = (
                    "Create it: `fft init DIR` writes a new project, whose profiles.yml you can copy. Or set FF_ENGINE."
                )
                raise ProfileError("the file does not exist", where=Location(FILE), hint=hint, code="FFT-201")
            file, name, content = YamlFile(FILE, {}), self._env, dict[str, Any]()
        else:
            file = self._file
            name, content = _active_profile(file, self._env)
        chosen = str(wanted_engine or content.get("engine") or "")
        spec = _spec(chosen, file, name)
        variables = {key: s.variable for key, s in spec.settings.items() if environment.get(s.variable)}
        given = {**self._instead, **overrides}
        profile = _profile(_Written(self._root, file, name, content), spec, variables, environment, given)
        return replace(profile, naming=self._named(profile.naming))

    def placed(self, schema: str, engine: str | None = None) -> Profiles:
        """Return the profiles with all relations of the active one in another schema. Raises ProfileError.

        A node with a schema of its own goes to a schema that has `schema` as its prefix; `naming` is ignored. `engine`
        overrides the profile's engine.
        """
        key = spec_of(engine or self.active().engine).schema_setting
        return Profiles(self._root, self._env, self._environment, {key: schema})

    def _named(self, naming: Naming) -> Naming:
        return replace(naming, schema=_BESIDE) if self.is_placed else naming

    @property
    def is_placed(self) -> bool:
        """Whether the relations of the active profile are moved to another schema, by `placed`."""
        return bool(self._instead)

    def names(self) -> tuple[str, ...]:
        """List the profiles of the file, without those for unit tests."""
        content = self._file.content if self._file else {}
        said = (str(key) for key, value in content.items() if isinstance(value, dict) and "engine" in value)
        return tuple(name for name in said if not name.endswith(UNIT_TESTS))

    def of(self, env: str) -> Profiles:
        """Return the profiles for another environment, with its own .env layers."""
        ours = self._environment
        theirs = load_environment(self._root, env) if isinstance(ours, Environment) else ours
        return Profiles(self._root, env, theirs)

    def namespace(self, engine: str) -> Namespace:
        """Return the default schema and catalog of the active profile; empty if the profile cannot be used."""
        try:
            return spec_of(engine).namespace(self.active(engine=engine).settings)
        except (ProfileError, EngineError):
            return Namespace()

    @cached_property
    def naming(self) -> Naming:
        """The templates of the active profile; empty if the profile is missing or cannot be read."""
        try:
            if self._file is not None:
                name, content = _active_profile(self._file, self._env)
                return self._named(naming_of(content, self._file, name))
        except ProfileError:
            pass  # opening the database reports it
        return self._named(Naming())

    def unit_test(self) -> Profile | None:
        """Return the profile `<env>_utest`, as documented for FFT; None if there is none.

        FF_* variables do not override it: they are for the other commands. They only fill in required settings that the
        profile leaves out, such as a dsn.

        Raises:
            ProfileError: as `active`.
        """
        name = f"{self._env}{UNIT_TESTS}"
        if self._file is None or name not in self._file.content:
            return None
        name, content = _active_profile(self._file, name)
        spec = _spec(str(content.get("engine") or ""), self._file, name)
        said = content.get(spec.name)
        given = said if isinstance(said, dict) else {}
        variables = {
            key: setting.variable
            for key, setting in spec.settings.items()
            if setting.required and key not in given and self._environment.get(setting.variable)
        }
        return _profile(_Written(self._root, self._file, name, content), spec, variables, self._environment, {})

    @cached_property
    def _file(self) -> YamlFile | None:
        return _profiles(self._root, self._environment) if (self._root / FILE).is_file() else None


def load_profile(
    root: Path, env: str, environment: Mapping[str, str], *, engine: str | None = None, **overrides: object
) -> Profile:
    """Read the active profile of profiles.yml, as `Profiles.active` does.

    Raises:
        ProfileError: unknown profile, unknown or invalid key, or a variable that is not set and has no default.
    """
    return Profiles(root, env, environment).active(engine=engine, **overrides)


@dataclass(frozen=True)
class _Written:
    """A profile as written."""

    root: Path
    file: YamlFile
    name: str
    content: Mapping[str, Any]


def _profile(
    profile: _Written,
    spec: EngineSpec,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    overrides: Mapping[str, object],
) -> Profile:
    """Return a validated profile; `variables` maps settings to the variables that set them."""
    file, name, engine = profile.file, profile.name, spec.name
    known = [*KEYS, *engine_names()]
    own = {key: value for key, value in profile.content.items() if not _is_of_others(key, value, known)}
    _refuse_unknown_keys(own, known, file, (name,))
    _refuse_missing_variables(profile.content.get(engine), file, (name, engine))
    written = _written(profile.content, engine, file, name)
    _refuse_unknown_keys({**written, **overrides}, list(spec.settings), file, (name, engine))
    settings = {
        **written,
        **{key: environment[variable] for key, variable in variables.items()},
        **{key: value for key, value in overrides.items() if value is not None},
    }
    values, wrong = spec.read_settings(settings)
    if wrong:
        problems = [
            _wrong(key, spec.settings[key], said, variables, file, (name, engine)) for key, said in wrong.items()
        ]
        raise _first(problems)
    located = {key: spec.settings[key].located(value, profile.root) for key, value in values.items()}
    naming, workers = naming_of(profile.content, file, name), _max_workers(profile.content, file, name)
    return Profile(name, engine, located, naming, workers)


def _max_workers(content: Mapping[str, object], file: YamlFile, profile: str) -> int | None:
    """Read how many steps run at a time. Raises ProfileError for other values than whole numbers from 1 on."""
    value = content.get(MAX_WORKERS)
    text = str(value).strip() if not isinstance(value, bool) else ""  # from a variable, it is a text
    if value is not None and (not text.isascii() or not text.isdigit() or int(text) < 1):
        where = file.location((profile, MAX_WORKERS))
        raise ProfileError(
            f"{profile}.{MAX_WORKERS} must be a whole number from 1 on, not {value!r}", where=where, code="FFT-205"
        )
    return int(text) if value is not None else None


def _active_profile(file: YamlFile, env: str) -> tuple[str, dict[str, Any]]:
    """Find the active profile in the file; missing variables in other profiles are ignored."""
    name = env if env in file.content else "default"
    if name not in file.content:
        names = [key for key, value in file.content.items() if isinstance(value, dict) and "engine" in value]
        hint = nearest(env, names) or f"Name one with --env: {', '.join(map(repr, names)) or 'the file has none'}."
        raise ProfileError(f"profile {env!r} does not exist", where=Location(FILE), hint=hint, code="FFT-202")
    content = file.content[name]
    if not isinstance(content, dict):
        raise ProfileError(f"profile {name!r} must be a mapping", where=file.location((name,)), code="FFT-106")
    plain = {key: value for key, value in content.items() if not isinstance(value, dict)}
    _refuse_missing_variables(plain, file, (name,))
    _refuse_missing_variables(content.get(KEY), file, (name, KEY), has_templates=True)
    return name, content


def _is_of_others(key: object, value: object, known: list[str]) -> bool:
    """Return whether a part belongs to an engine that is not installed, instead of being a typing error."""
    return isinstance(value, dict) and key not in known and nearest(str(key), known) is None


def _profiles(root: Path, environment: Mapping[str, str]) -> YamlFile:
    file = parse_yaml(_render(_text(root), root, environment), FILE)
    if isinstance(file, Problem):
        raise _first([Problem(_unquoting(file.message), file.where, file.hint, code=file.code)])
    if not isinstance(file.content, dict):
        raise ProfileError("profiles.yml must be a mapping of profiles", where=Location(FILE), code="FFT-106")
    return file


_MISSING, _END = "\ufdd0missing:", "\ufdd0"  # a noncharacter, which nobody types


def _env_of(environment: Mapping[str, str]) -> Callable[..., Any]:  # Any: text, or the default of any type
    def env(name: str, default: object = None) -> object:
        if name in environment:
            return environment[name]
        return f"{_MISSING}{name}{_END}" if default is None else default

    env.__qualname__ = "env"  # as the file calls it, for Python's messages about wrong calls
    return env


def _text(root: Path) -> str:
    try:
        return (root / FILE).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text: {error.reason} at byte {error.start}"
        raise ProfileError(message, where=Location(FILE), code="FFT-103") from error


def _render(text: str, root: Path, environment: Mapping[str, str]) -> str:
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return text
    import jinja2  # slow, and rarely needed
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # the file is read when a shell completes a name

    jinja = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    try:
        return jinja.from_string(set_aside(text, jinja)).render(env=_env_of(environment), project_dir=lambda: str(root))
    except jinja2.TemplateSyntaxError as error:
        raise ProfileError(
            f"template error: {_unquoting(str(error.message))}", where=Location(FILE, error.lineno)
        ) from error
    except Exception as error:  # any error of the user's expression
        where = Location(FILE, _template_line(error))
        raise ProfileError(f"template error: {_unquoting(str(error))}", where=where) from error


def _unquoting(message: str) -> str:
    """Remove quoted text of the file from a message, as it may be part of a password; names of variables stay."""
    is_about_a_name = re.search(r"'\w+' is undefined|duplicate key|argument|filter|test named", message)
    return message if is_about_a_name else re.sub(r"(['\"]).{3,}\1", "...", message)


def _template_line(error: Exception) -> int | None:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return lines[-1] if lines else None


def _refuse_missing_variables(
    value: object, file: YamlFile, keys: tuple[str | int, ...], *, has_templates: bool = False
) -> None:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            _refuse_missing_variables(item, file, (*keys, key), has_templates=has_templates)
    elif not has_templates and (template := template_in(value)) is not None:
        message = f"{template} is not known here: it is for the places of models"
        raise ProfileError(
            message, where=file.location(keys), hint=f"Use such templates in {KEY} of a profile.", code="FFT-205"
        )
    elif isinstance(value, str) and _MISSING in value:
        name = value.split(_MISSING, 1)[1].split(_END, 1)[0]
        raise ProfileError(
            f"environment variable {name} is not set and has no default",
            where=file.location(keys),
            hint=f"Set {name} (in the environment or a .env file), or write env({name!r}, 'default').",
            code="FFT-204",
        )


def _spec(engine: str, file: YamlFile, profile: str) -> EngineSpec:
    """Find the engine of a profile. Raises ProfileError with the line of an unknown name."""
    if not engine:
        hint = f"Engines: {', '.join(engine_names())}."
        raise ProfileError(
            f"profile {profile!r} has no engine", where=file.location((profile,)), hint=hint, code="FFT-203"
        )
    where = file.location((profile, "engine"))
    if engine not in engine_names():
        said = f"unknown engine {engine!r}" if engine.isidentifier() else "the value of engine is not a name"
        raise ProfileError(said, where=where, hint=unknown_hint(engine), code="FFT-203")  # an unknown name may be a dsn
    try:
        return spec_of(engine)
    except EngineError as error:
        raise ProfileError(error.problem.message, where=where, hint=error.problem.hint, code=error.code) from error


def _refuse_unknown_keys(
    content: Mapping[str, Any], known: list[str], file: YamlFile, at: tuple[str | int, ...]
) -> None:
    for key in content:
        if key not in known:
            hint = nearest(str(key), known) or f"Known keys: {', '.join(known)}"
            said = f"unknown key {str(key)!r} in {'.'.join(map(str, at))}"
            raise ProfileError(said, where=file.location((*at, key)), hint=hint, code="FFT-101")


def _written(content: Mapping[str, Any], engine: str, file: YamlFile, name: str) -> dict[str, Any]:
    settings = content.get(engine) or {}
    if not isinstance(settings, dict):
        raise ProfileError(f"{name}.{engine} must be a mapping", where=file.location((name, engine)), code="FFT-106")
    return settings


def _wrong(
    key: str, setting: Setting, said: str, variables: Mapping[str, str], file: YamlFile, at: tuple[str | int, ...]
) -> Problem:
    """Return the problem of a setting, which names the variable instead of the file if the variable sets it."""
    if key in variables:
        return Problem(f"environment variable {variables[key]} {said}", hint=setting.hint, code="FFT-205")
    if said == "is missing":
        hint = f"Write it into profiles.yml, or set {setting.variable}."
        return Problem(f"{'.'.join(map(str, (*at, key)))} {said}", file.location((*at, key)), hint, code="FFT-205")
    return Problem(f"{'.'.join(map(str, (*at, key)))} {said}", file.location((*at, key)), setting.hint, code="FFT-205")


def _first(problems: list[Problem]) -> FftError:
    text = "\n".join(str(problem) for problem in problems[1:])
    first = problems[0]
    return ProfileError(
        first.message + (f"\n{text}" if text else ""), where=first.where, hint=first.hint, code=first.code
    )
