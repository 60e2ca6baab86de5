"""A complete project, linked, and the folders that it consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from fft_core.errors import Location
from fft_core.names import model_name
from fft_core.project.model.check_types import CheckType
from fft_core.project.model.checks import Check
from fft_core.project.model.extras import Budgets, Hook
from fft_core.project.model.graph import cycle_in, levels_of, reach_from, readers_of
from fft_core.project.model.nodes import PACKAGES, Model, Naming, Node, Seed, Source, SourceName, SqlBody
from fft_core.project.model.unit_test import UnitTest

if TYPE_CHECKING:
    from fft_core.project.profile.profiles import Profiles

LintSetting: TypeAlias = Literal["off", "note", "warning", "error"]


@dataclass(frozen=True)
class FingerprintSettings:
    """The settings of fingerprints: whether all FF_* variables count or only used ones, and a row limit of digests."""

    environment: Literal["all", "used"] = "all"
    digest_max_rows: int = 1_000_000


@dataclass(frozen=True)
class Conditions:
    """The environment variables and external files that a loaded project depends on, with one digest of their values.

    `is_complete` is False if it depends on something else as well; the project is then read again each time.
    """

    variables: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    digest: str = ""
    is_complete: bool = True


@dataclass(frozen=True)
class Home:
    """A folder with models, of the project or of a package; `shown` is the prefix of its paths in messages."""

    root: Path
    models: Path = Path("models")
    shown: Path = Path()

    @property
    def below(self) -> Path:
        """The folder of its models, as displayed."""
        return self.shown / self.models

    def file(self, path: Path) -> Path:
        """Return the location of a file."""
        return self.root / path.relative_to(self.shown)


@dataclass(frozen=True)
class Package:
    """Another project whose models and macros this project uses.

    Attributes:
        name: Its name, in packages.yml and in its own project.yml.
        home: Its folder.
        origin: Its source, as a display text without credentials.
        version: The version in its project.yml.
        commit: The installed commit, if it comes from git.
        digest: A digest of its files as they were read.
    """

    name: str
    home: Home
    origin: str
    version: str | None = None
    commit: str | None = None
    digest: str = ""


@dataclass(frozen=True)
class Project:
    """A complete project, linked and valid. It opens nothing and holds no credentials; it can be pickled.

    >>> from fft_core import load_project
    >>> project = load_project("shop")
    >>> list(project.models), list(project.seeds), [check.name for check in project.checks]
    (['domains', 'users'], ['raw_orders', 'raw_users'], ['unique_id'])
    """

    root: Path
    name: str
    version: str
    env: str
    engine: str
    models: Mapping[str, Model]
    seeds: Mapping[str, Seed]
    sources: Mapping[SourceName, Source]
    checks: tuple[Check, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    macros: Mapping[Path, str] = field(default_factory=dict)
    fingerprint: FingerprintSettings = field(default_factory=FingerprintSettings)
    unit_tests: tuple[UnitTest, ...] = ()
    lint: Mapping[str, LintSetting] = field(default_factory=dict)
    dag_dir: Path = Path("site/dag")
    packages: Mapping[str, Package] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()  # names and globs of environment variables and vars
    python_macros: Mapping[str, Path] = field(default_factory=dict)  # functions in macros_py, with files
    hooks: tuple[Hook, ...] = ()  # the hooks for its engine and environment, in their order
    budgets: Budgets = field(default_factory=Budgets)
    elsewhere: frozenset[str] = frozenset()  # models of other engines only, and disabled nodes
    disabled: Mapping[str, Location] = field(default_factory=dict)  # models and seeds, with the place of the setting
    naming: Naming = field(default_factory=Naming)
    check_types: tuple[CheckType, ...] = ()  # the types that the project defines, by name
    conditions: Conditions = field(default_factory=Conditions)
    profiles_read: Profiles | None = field(default=None, repr=False, compare=False)  # set by the loader

    @cached_property
    def profiles(self) -> Profiles:
        """The content of profiles.yml, which is read once, usually when the project is loaded."""
        from fft_core.project.profile.profiles import Profiles  # needs dotenv, which the files alone do not

        return self.profiles_read or Profiles(self.root, self.env, self.environment)

    def home_of(self, path: Path) -> Home:
        """Return the folder with models that a file belongs to: the project's own, or a package's."""
        package = self.packages.get(path.parts[1]) if path.parts[:1] == (PACKAGES,) else None
        return package.home if package else Home(self.root)

    def file(self, path: Path) -> Path:
        """Return the location of the file of a model, seed or macro."""
        return self.home_of(path).file(path)

    def model(self, name: str) -> Model:
        """Find a model by either form of its name. Raises KeyError."""
        return self.models[model_name(name)]

    def stored(self) -> tuple[Node, ...]:
        """Return the seeds and models with stored rows, each after its dependencies; seeds first, ties by name.

        A seed whose checks read a model comes after that model.
        """
        return self._stored

    def node(self, name: str) -> Node:
        """Find a model or a seed. Raises KeyError."""
        key = model_name(name)
        return self.models[key] if key in self.models else self.seeds[key]

    def checks_of(self, node: str | SourceName) -> tuple[Check, ...]:
        """Return the checks of one model, seed or source, in the order written."""
        return self._checks_by_node.get(node, ())

    def order(self) -> tuple[Model, ...]:
        """Return all models, each after the models that it reads; ties by name (Kahn's algorithm)."""
        return tuple(self.models[name] for level in model_levels(self) for name in level)

    def stored_inputs(self, model: Model) -> tuple[str | SourceName, ...]:
        """Return the inputs of a model, with ephemeral models replaced by their own inputs."""
        found: dict[str | SourceName, None] = {}
        for name in model.inputs:
            upstream = self.models.get(name) if isinstance(name, str) else None
            inlined = upstream is not None and upstream.is_ephemeral
            found.update(dict.fromkeys(self.stored_inputs(upstream) if upstream and inlined else (name,)))
        return tuple(found)

    def upstream(self, name: str) -> frozenset[str]:
        """Return the models and seeds that a model reads, directly or not; a seed that fills a source counts."""
        return reach_from(model_name(name), self.reads)

    def downstream(self, name: str) -> frozenset[str]:
        """Return the models that read a model or seed, directly or through others."""
        return reach_from(model_name(name), self.read_by)

    def read_by(self, name: str) -> tuple[str, ...]:
        """Return the models that read a model or seed directly."""
        return self._readers.get(name, ())

    def reads(self, name: str) -> tuple[str, ...]:
        """Return the models and seeds that a model reads directly; a seed that fills a source counts."""
        if name not in self.models:
            return ()
        behind = (self.seed_behind(i) if isinstance(i, SourceName) else i for i in self.models[name].inputs)
        return tuple(dict.fromkeys(n for n in behind if n is not None))

    def waits_for(self, name: str) -> tuple[str, ...]:
        """Return the models and seeds to build before a model or seed: its inputs, and those of its checks."""
        targets = (read for check in self.checks_of(name) for read in check.rule.reads)
        behind = (self.seed_behind(to) if isinstance(to, SourceName) else to for to in targets)
        return tuple(dict.fromkeys([*self.reads(name), *(n for n in behind if n is not None and n != name)]))

    def seed_behind(self, source: SourceName) -> str | None:
        """Return the seed that fills a source, if a seed has the same relation."""
        declared = self.sources.get(source)
        seed = self._seeds_by_table.get(declared.identifier) if declared else None
        if declared is None or seed is None or declared.catalog not in (None, seed.catalog):
            return None
        return seed.name if declared.schema in (None, seed.schema) else None

    @cached_property
    def _stored(self) -> tuple[Node, ...]:
        nodes = [self.node(name) for level in waiting_levels(self) for name in level]
        waits = {name for name in self.seeds if any(n in self.models for n in reach_from(name, self.waits_for))}
        nodes.sort(key=lambda node: isinstance(node, Model) or node.name in waits)
        return tuple(node for node in nodes if not (isinstance(node, Model) and node.is_ephemeral))

    @cached_property
    def _seeds_by_table(self) -> Mapping[str, Seed]:
        return {seed.alias or seed.name: seed for seed in self.seeds.values()}

    @cached_property
    def _readers(self) -> Mapping[str, tuple[str, ...]]:
        readers = readers_of({name: self.reads(name) for name in self.models})
        return {name: tuple(sorted(names)) for name, names in readers.items()}

    @cached_property
    def _checks_by_node(self) -> Mapping[str | SourceName, tuple[Check, ...]]:
        found: dict[str | SourceName, list[Check]] = {}
        for check in self.checks:
            found.setdefault(check.node, []).append(check)
        return {node: tuple(checks) for node, checks in found.items()}


def without_hooks(project: Project) -> Project:
    """Return the same project without its hooks, for work other than a run of its models."""
    return replace(project, hooks=()) if project.hooks else project


def with_stored_failures(project: Project) -> Project:
    """Return the same project with `store_failures` set for all checks."""
    return replace(project, checks=tuple(replace(check, store_failures=True) for check in project.checks))


def waiting_levels(project: Project) -> tuple[tuple[str, ...], ...]:
    """Return all models and seeds in levels: one level above the highest of their dependencies."""
    return levels_of({name: project.waits_for(name) for name in (*sorted(project.seeds), *project.models)})


def model_levels(project: Project) -> tuple[tuple[str, ...], ...]:
    """Return the models in levels: one level above the highest of the models that they read."""
    models = project.models
    return levels_of({name: tuple(n for n in project.waits_for(name) if n in models) for name in models})


def read_variables(project: Project) -> frozenset[str]:
    """Return the names of the variables that SQL models read; "*" stands for computed names."""
    bodies = [model.body for model in project.models.values() if isinstance(model.body, SqlBody)]
    return frozenset[str]().union(*(body.variables for body in bodies))


def find_cycle(project: Project) -> tuple[str, ...] | None:
    """Return one cycle as the names on its path, the first one repeated at the end; None without a cycle."""
    nodes = {*project.models, *project.seeds}
    return cycle_in({name: tuple(n for n in project.waits_for(name) if n in nodes) for name in sorted(nodes)})
