"""Settings from project.yml, by folder and by rule, and from YAML beside models, for all nodes and checks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from fft_core.errors import Location, Problem, RequestError
from fft_core.project.model import Check, Home, Model, Project, Seed, Source, SourceName, find_cycle
from fft_core.project.model.selection import identity_of, matching_checks, matching_nodes
from fft_core.project.read.attachments import attached
from fft_core.project.read.folder_settings import FolderSettings, Item, Section, read_folders
from fft_core.project.read.layout import laid_out
from fft_core.project.read.parse import PLACE, Draft, step_settings
from fft_core.project.read.settings import MARK, Layer, Nearness, Settings, read_layer
from fft_core.project.read.yaml_file import YamlFile
from fft_core.project.shapes.check_keys import CheckSettingsShape
from fft_core.project.shapes.model_config import ModelConfigShape, SeedConfigShape
from fft_core.project.shapes.project import ProjectShape
from fft_core.project.shapes.sources import SourceSettingsShape

_T = TypeVar("_T")
_MODELS = Section(("models",), ModelConfigShape, "models/")
_SNAPSHOTS = Section(("snapshots",), ModelConfigShape, "models/")
_SEEDS = Section(("seeds",), SeedConfigShape, "seeds/")
_SOURCES = Section(("sources",), SourceSettingsShape, "sources.yml")
_CHECKS = Section(("checks",), CheckSettingsShape, "models/, seeds/ or sources.yml")
_OF_FFT = ("incremental", "storage")  # below models: in the shape documented for FFT, unless the keys begin with +


@dataclass(frozen=True)
class Found:
    """A draft of a model, with its own folder of models."""

    home: Home
    draft: Draft

    @cached_property
    def item(self) -> Item:
        """Return the item that settings by folder can refer to."""
        package = None if self.home.shown == Path() else self.home.shown.name
        return Item((*self.draft.path.parent.relative_to(self.home.below).parts, self.draft.name), package)


@dataclass(frozen=True)
class Written:
    """The settings of a project's files outside of its models.

    Attributes:
        settings: The content of project.yml.
        file: project.yml.
        packages: The names of the packages.
        beside: The settings of models and seeds in YAML, by name.
        named: The settings of models in `models.incremental`, by name.
        seeds_folder: The folder of the seeds.
        engine: The engine of the project.
    """

    settings: ProjectShape
    file: YamlFile
    packages: Collection[str]
    beside: Mapping[str, Layer]
    named: Mapping[str, Layer]
    seeds_folder: Path
    engine: str


class NodeSettings:
    """The settings of all nodes of a project.

    Args:
        written: The settings of the files.
        found: The models.
        seeds: The seeds, as read from their folder.
        sources: The sources.
        problems: The list to which problems are added.
    """

    def __init__(
        self,
        written: Written,
        found: Sequence[Found],
        seeds: Mapping[str, Seed],
        sources: Mapping[SourceName, Source],
        problems: list[Problem],
    ) -> None:
        self._written, self._found, self._seeds, self._sources = written, found, seeds, sources
        self._problems = problems
        said, models = written.settings, [one.item for one in found]
        self._items: dict[str | SourceName, tuple[Item, ...]] = {one.draft.name: (one.item,) for one in found}
        self._items |= {name: self._of_seed(seed) for name, seed in seeds.items()}
        self._items |= {name: (Item((name.group, name.table)),) for name in sources}
        of_seeds = [item for name in seeds for item in self._items[name]]
        of_sources = [item for name in sources for item in self._items[name]]
        self._models = self._read(_MODELS, own_folders(said.models), models)
        self._snapshots = self._read(_SNAPSHOTS, said.snapshots, models)
        self._of_seeds = self._read(_SEEDS, own_folders(said.seeds), of_seeds)
        self._of_sources = self._read(_SOURCES, said.sources, of_sources)
        self._of_checks = self._read(_CHECKS, said.checks, [*models, *of_seeds, *of_sources])
        self._rules: list[tuple[frozenset[str], Layer]] = []  # the last one first
        self._known: dict[tuple[Path, str], Settings] = {}

    def _read(self, section: Section, content: Mapping[str, Any], items: Iterable[Item]) -> FolderSettings:
        owners = {self._written.settings.name: None, **{name: name for name in self._written.packages}}
        return (
            read_folders(section, content, self._written.file, items, owners, self._problems)
            if content
            else FolderSettings()
        )

    def _of_seed(self, seed: Seed) -> tuple[Item, ...]:
        folders = seed.path.parent.relative_to(self._written.seeds_folder).parts
        return tuple(Item((*folders, name)) for name in dict.fromkeys((seed.name, seed.path.stem)))

    # --- models and seeds ---------------------------------------------------------------------------------------------

    def of_model(self, one: Found) -> Settings:
        """Return all settings of a model, the nearest first."""
        key = one.draft.path, one.draft.name
        if key not in self._known:
            self._known[key] = self._said_of(one)
        return self._known[key]

    def _said_of(self, one: Found) -> Settings:
        name = one.draft.name
        near = [layer for layers in (self._written.beside, self._written.named) if (layer := layers.get(name))]
        rules = [layer for names, layer in self._rules if name in names]
        settings = Settings((one.draft.own,)).below(*near, *rules, *self._models.of(one.item))
        if settings.get("materialized") == "snapshot":
            folders = self._snapshots.of(one.item)
            settings = Settings((one.draft.own,)).below(*near, *rules, *folders, *self._models.of(one.item))
        return settings

    def of_seed(self, seed: Seed) -> Settings:
        """Return all settings of a seed, the nearest first; seeds/schema.yml counts as its own file."""
        own = {key: value for key in PLACE if (value := getattr(seed, key)) is not None}
        beside = self._written.beside.get(seed.name)
        rules = [layer for names, layer in self._rules if seed.name in names]
        folders = self._of_seeds.of(*self._items[seed.name])
        where = Location(self._written.seeds_folder / "schema.yml")
        return Settings((Layer(own, where, Nearness.OWN),)).below(*([beside] if beside else []), *rules, *folders)

    def of(self, name: str) -> Settings | None:
        """Return all settings of a model or seed, the nearest first; None if the name is unknown."""
        found = [self.of_model(one) for one in self._found if one.draft.name == name]
        found += [self.of_seed(self._seeds[name])] if name in self._seeds else []
        return next((s for s in found if self._is_enabled(s)), found[0] if found else None)

    def apply_rules(self, project: Callable[[Mapping[str, Model], Mapping[str, Seed]], Project]) -> None:
        """Apply the rules. Their selections see settings without those of rules.

        Args:
            project: A function that makes a project of models and seeds alone.
        """
        rules = [(i, rule) for i, rule in enumerate(self._written.settings.rules) if rule.select is not None]
        if not rules:
            return
        models = {one.draft.name: self._made(one, []) for one in self._found}
        known = project(models, {name: self._placed(seed, []) for name, seed in self._seeds.items()})
        if find_cycle(known):
            return  # reported elsewhere
        for index, rule in reversed(rules):
            names = self._asked(index, "select", lambda text: matching_nodes(known, text), rule.select or "")
            layer = self._layer(index, rule.set, ModelConfigShape)
            if layer is not None:
                self._rules.append((names, layer))
        self._known.clear()

    def models(self) -> Iterator[Model]:
        """Yield the models that are not disabled."""
        yield from (self._made(one, self._problems) for one in self._found if self._is_enabled(self.of_model(one)))

    def seeds(self) -> dict[str, Seed]:
        """Return the seeds that are not disabled, with their settings."""
        on = {name: seed for name, seed in self._seeds.items() if self._is_enabled(self.of_seed(seed))}
        return {name: self._placed(seed, self._problems) for name, seed in on.items()}

    def disabled(self) -> dict[str, Location]:
        """Return the place that disables each model and seed without an enabled one of its name."""
        said = [(one.draft.name, self.of_model(one)) for one in self._found]
        said += [(name, self.of_seed(seed)) for name, seed in self._seeds.items()]
        off = {
            name: s.place_of("enabled", Location(Path("project.yml"))) for name, s in said if not self._is_enabled(s)
        }
        on = {name for name, settings in said if self._is_enabled(settings)}
        return {name: where for name, where in off.items() if name not in on}

    def _is_enabled(self, settings: Settings) -> bool:
        return settings.get("enabled") is not False

    def _made(self, one: Found, problems: list[Problem]) -> Model:
        return replace(one.draft.make(self.of_model(one), problems), below=one.home.below)

    def _placed(self, seed: Seed, problems: list[Problem]) -> Seed:
        settings = self.of_seed(seed)
        place = {key: settings.get(key) for key in PLACE}
        tags, owners = settings.get("tags"), settings.get("owners")
        place |= attached(settings, seed.name, Location(seed.path))
        place |= laid_out(settings, self._written.engine, Location(seed.path), problems)
        return replace(seed, tags=tags, owners=owners, step=step_settings(settings), **place)

    # --- sources and checks -------------------------------------------------------------------------------------------

    def sources(self) -> dict[SourceName, Source]:
        """Return the sources with their settings; sources.yml counts as their own file."""
        return {name: self._of_source(name, source) for name, source in self._sources.items()}

    def _of_source(self, name: SourceName, source: Source) -> Source:
        own = {"schema": source.schema, "catalog": source.catalog, "tags": source.tags}
        settings = Settings((Layer(own, source.location, Nearness.OWN),)).below(
            *self._of_sources.of(*self._items[name])
        )
        return replace(source, **{key: settings.get(key) for key in own})

    def checks(self, project: Project, own: Sequence[tuple[Check, Collection[str]]]) -> tuple[Check, ...]:
        """Return the checks with their settings by folder and by rule.

        Args:
            project: The project, without its checks.
            own: The checks, and the names of the settings of each itself.
        """
        known = replace(project, checks=tuple(check for check, _ in own))
        rules = [(i, rule) for i, rule in enumerate(self._written.settings.rules) if rule.checks is not None]
        chosen = []
        for index, rule in reversed(rules):
            meant = self._asked(index, "checks", lambda text: matching_checks(known, text), rule.checks or "")
            layer = self._layer(index, rule.set, CheckSettingsShape)
            chosen += [(meant, layer)] if layer else []
        return tuple(
            self._check(check, said, [layer for meant, layer in chosen if identity_of(check) in meant])
            for check, said in own
        )

    def _check(self, check: Check, said: Collection[str], rules: Sequence[Layer]) -> Check:
        own = Layer({key: getattr(check, key) for key in said if hasattr(check, key)}, check.location, Nearness.OWN)
        settings = Settings((own,)).below(*rules, *self._of_checks.of(*self._items.get(check.node, ())))
        if len(settings.layers) == 1:
            return check
        changes = {"severity": settings.get("severity", check.severity), "tags": settings.get("tags")}
        if "error_if" in said:  # refuses invalid combinations
            changes["severity"] = check.severity
        return replace(check, **changes, store_failures=settings.get("store_failures", check.store_failures))

    # --- rules --------------------------------------------------------------------------------------------------------

    def _asked(self, index: int, key: str, ask: Callable[[str], frozenset[_T]], text: str) -> frozenset[_T]:
        try:
            return ask(text)
        except RequestError as error:
            where = self._written.file.location(("rules", index, key))
            problem = Problem(
                f"rules.{index}.{key}: {error.problem.message}", where, error.problem.hint, code=error.code
            )
            self._problems.append(problem)
            return frozenset()

    def _layer(self, index: int, said: Mapping[str, Any], shape: Any) -> Layer | None:
        return read_layer(shape, said, self._written.file, ("rules", index, "set"), Nearness.RULE, self._problems)


def own_folders(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section without the key that FFT documents there with a shape of its own."""
    return {key: value for key, value in content.items() if not (key in _OF_FFT and not _is_folder(value))}


def _is_folder(value: object) -> bool:
    return isinstance(value, Mapping) and any(str(key).startswith(MARK) for key in value)
