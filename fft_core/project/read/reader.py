"""The reader of a project: it parses, links and validates the files, and reports every problem at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fft_core.engines.spec import Namespace
from fft_core.engines.spec.registry import engine_names, frame_kinds_of, lexis_of, spec_of
from fft_core.errors import Location, Problem, ProjectError
from fft_core.names import PYTHON_SUFFIX, SQL_SUFFIX, STREAM_SUFFIX, model_name
from fft_core.project.model import (
    Budgets,
    Conditions,
    Home,
    Model,
    Node,
    Package,
    Project,
    Seed,
    Source,
    SourceName,
)
from fft_core.project.packages.packages import read_packages
from fft_core.project.python.evaluate import Evaluated, Evaluator
from fft_core.project.read.attachments import constraint_checks, unusable_attachments
from fft_core.project.read.budgets import budgets_of
from fft_core.project.read.conditions import conditions_of, joined, seen_by_code
from fft_core.project.read.custom_checks import CustomCheck, python_checks, sql_check
from fft_core.project.read.files import FIXTURES, UNIT_TESTS, ProjectFiles, find_package_files
from fft_core.project.read.hook_files import HookFiles, HookReading, hook_functions, hooks_of, tables_of
from fft_core.project.read.link import link
from fft_core.project.read.macro_calls import MacroIndex
from fft_core.project.read.node_settings import Found, NodeSettings, Written, own_folders
from fft_core.project.read.parse import Draft, Reading, python_drafts, sql_draft
from fft_core.project.read.python_macros import public_names
from fft_core.project.read.schema_file import (
    CheckDraft,
    SchemaEntry,
    columns_of,
    read_checks,
    read_schema,
    table_checks,
)
from fft_core.project.read.scope import Scope
from fft_core.project.read.seed_files import SeedReader, filled_by_seeds
from fft_core.project.read.settings import Layer, Nearness, places_of
from fft_core.project.read.sql_comments import without_jinja_in_comments
from fft_core.project.read.sql_file import new_environment, parse_macros
from fft_core.project.read.template_cache import TemplateCache
from fft_core.project.read.unit_test_file import link_unit_tests, read_unit_tests
from fft_core.project.read.unit_test_inputs import Fixtures
from fft_core.project.read.yaml_file import YamlFile, parse_yaml, shaped, shaped_in_part
from fft_core.project.shapes.budgets import BudgetsShape
from fft_core.project.shapes.checks import BUILT_IN
from fft_core.project.shapes.model_config import IncrementalOverlayShape
from fft_core.project.shapes.project import ProjectShape
from fft_core.project.shapes.seeds import SeedsShape
from fft_core.project.shapes.sources import OldSources, PlaceShape, SourcesShape

_log = logging.getLogger(__name__)


class Reader:
    """One reading of one folder, which collects problems.

    `problems` holds problems found earlier; they are reported together with the others. `warn` is a callback for
    warnings, with the signature of a logger's method.
    """

    def __init__(
        self,
        root: Path,
        env: str,
        engine: str,
        files: ProjectFiles,
        problems: list[Problem],
        *,
        environment: Mapping[str, str] | None = None,
        namespace: Namespace | None = None,
        warn: Callable[..., None] = _log.warning,
        keeps: bool = True,
    ) -> None:
        self.root, self.env, self._warn = root, env, warn
        self.problems = problems
        self._scope = Scope(engine, environment or {})
        self._namespace = namespace or Namespace()
        self._seen, self._keeps = seen_by_code(environment or {}, engine, env), keeps
        self._conditions: list[Conditions] = []
        self._engine = engine
        self._files_of = {Home(root): files}
        self._seeds_folder = files.seeds
        self._source_checks: list[CheckDraft] = []
        self._incremental: Mapping[str, Any] = {}

    def read(self) -> Project:
        """Read all files. The project has no environment yet. Raises ProjectError with all problems."""
        packages = self._packages()
        settings, engine = self._settings(), self._engine
        self._evaluator = Evaluator(self.root, self._seen, secrets=settings.secrets, keeps=self._keeps)
        macros, python_macros = self._macros(), self._python_macros()
        self._customs = self._custom_checks(macros, python_macros)
        schemas = read_schema(list(self._schemas()), self._customs, self.problems)
        self.nodes = nodes = self._node_settings(settings, packages, schemas, macros, python_macros)
        seeds, unique = nodes.seeds(), self._unique(nodes.models())
        sources = filled_by_seeds(nodes.sources(), seeds, self._namespace)
        disabled = nodes.disabled()
        self._warn_of_unused_overlays(unique, disabled)
        files, tests = self._hook_files(), read_checks(settings.tests, self._project_file, self._customs, self.problems)
        hooks = hooks_of(settings.hooks, self._project_file, files, self._hook_reading(macros, python_macros))
        known = {*unique, *seeds, *map(str, sources), *(source.identifier for source in sources.values())}
        tables = [name for draft in tests for name in draft.tables if model_name(name) not in known]
        project = link(
            Project(
                root=self.root,
                name=settings.name,
                version=settings.version,
                env=self.env,
                engine=engine,
                models=unique,
                seeds=seeds,
                sources={**tables_of(hooks, files, tables), **sources},
                variables=dict(settings.vars),
                fingerprint=settings.fingerprint.settings(),
                lint=dict(settings.lint),
                macros={path: text for path, text, _ in macros},
                dag_dir=Path(settings.docs.dag_dir),
                packages=packages,
                secrets=tuple(settings.secrets),
                python_macros=python_macros,
                hooks=hooks,
                budgets=self._budgets(unique),
                elsewhere=frozenset({*self._scope.elsewhere, *disabled}) - unique.keys(),
                disabled=disabled,
                check_types=tuple(self._customs[name].documented for name in sorted(self._customs)),
                naming=settings.naming.templates(self._project_file.location(("naming",))),
                conditions=self._all_conditions(settings),
            ),
            schemas,
            [*tests, *self._source_checks, *self._constraint_checks([*unique.values(), *seeds.values()])],
            self.problems,
            nodes.checks,
        )
        self.problems.extend(unusable_attachments(project))
        unit_tests = read_unit_tests(self._unit_test_files(), self.problems)
        project = link_unit_tests(project, unit_tests, self._fixtures(), self.problems)
        if self.problems:
            raise ProjectError(sorted(self.problems, key=_location))
        return project

    # --- files --------------------------------------------------------------------------------------------------------

    def _packages(self) -> dict[str, Package]:
        """Find the packages. Raises ProjectError if one is unusable, because its absence would cause other problems."""
        found: list[Problem] = []
        packages = read_packages(self.root, found)
        if found:
            raise ProjectError([*self.problems, *found])
        own = self._files_of
        self._files_of = {**{p.home: find_package_files(p.home) for p in packages}, **own}
        return {package.name: package for package in packages}

    def _settings(self) -> ProjectShape:
        file = self._yaml(Path("project.yml"))
        self._project_file = file or YamlFile(Path("project.yml"), {})
        settings = self._shaped(ProjectShape, file)
        if not isinstance(settings, ProjectShape):
            return ProjectShape(name=self.root.name, version="0")
        overlays = settings.models.get("incremental") or {}
        if "incremental" in own_folders(settings.models):
            overlays = {}
        if isinstance(overlays, Mapping):
            self._incremental = {str(node): content for node, content in overlays.items()}
        else:
            where = self._project_file.location(("models", "incremental"))
            self.problems.append(
                Problem("models.incremental must be a mapping of models to settings", where, code="FFT-106")
            )
        return settings

    def _macros(self) -> list[tuple[Path, str, MacroIndex]]:
        """Read the macros; those of packages first, because the last definition of a name wins."""
        jinja, found = new_environment(), list[tuple[Path, str, MacroIndex]]()
        for home in self._files_of:
            for path in self._files(home, home.models / "macros", (".sql", ".sql.j2")):
                text = self._text(home, path)
                macros, problems = parse_macros(text, path, jinja, self._engine)
                self.problems.extend(problems)
                visible = without_jinja_in_comments(text, lexis_of(self._engine))
                found.append((path, visible, {macro.name: macro for macro in macros}))
        return found

    def _python_macros(self) -> dict[str, Path]:
        """Find the names of macros_py; those of packages first, because the last definition of a name wins."""
        found = {}
        for home in self._files_of:
            for path in self._files(home, home.models / "macros_py", (".py",)):
                found.update(dict.fromkeys(public_names(self._text(home, path), path, self.problems), path))
        return found

    def _node_settings(
        self,
        settings: ProjectShape,
        packages: Mapping[str, Package],
        schemas: Iterable[SchemaEntry],
        macros: list[tuple[Path, str, MacroIndex]],
        python_macros: Mapping[str, Path],
    ) -> NodeSettings:
        """Read models, seeds and sources, and find the settings of each."""
        seeds, sources = self._seeds(), self._sources(self._engine)
        beside = {model_name(entry.name): entry.config for entry in schemas if entry.config}
        written = Written(
            settings, self._project_file, packages, beside, self._overlays(), self._seeds_folder, self._engine
        )
        found = list(self._drafts(macros, python_macros))
        nodes = NodeSettings(written, found, seeds, sources, self.problems)

        def project(models: Mapping[str, Model], seeds: Mapping[str, Seed]) -> Project:
            place = (self.root, settings.name, settings.version, self.env, self._engine)
            return Project(*place, models=models, seeds=seeds, sources=sources)

        nodes.apply_rules(project)
        return nodes

    def _drafts(self, macros: list[tuple[Path, str, MacroIndex]], python_macros: Mapping[str, Path]) -> Iterator[Found]:
        index = {name: macro for _, _, found in macros for name, macro in found.items()}
        kinds = frame_kinds_of(self._engine)
        templates = TemplateCache(self.root, self._engine, keeps=self._keeps)
        reading = Reading(self.problems, self._scope, kinds, self._evaluate, python_macros, index, templates=templates)
        for home in self._files_of:
            for path in self._files(home, home.models, (SQL_SUFFIX, PYTHON_SUFFIX, STREAM_SUFFIX)):
                text = self._text(home, path)
                if path.name.endswith(SQL_SUFFIX):
                    drafts = sql_draft(text, path, reading)
                elif path.name.endswith(STREAM_SUFFIX):
                    drafts = self._streams(text, path, reading)
                else:
                    drafts = python_drafts(text, path, reading)
                yield from (Found(home, draft) for draft in drafts)
        templates.keep()

    def _streams(self, text: str, path: Path, reading: Reading) -> list[Draft]:
        from fft_core.project.read.stream_file import stream_draft  # most projects have none

        return stream_draft(text, path, reading)

    def _custom_checks(
        self, macros: list[tuple[Path, str, MacroIndex]], python_macros: Mapping[str, Path]
    ) -> dict[str, CustomCheck]:
        jinja, index = new_environment(), {name: macro for _, _, found in macros for name, macro in found.items()}
        home, found = Home(self.root), list[CustomCheck | None]()
        for path in self._files(home, Path("tests"), (SQL_SUFFIX, PYTHON_SUFFIX)):
            text = self._text(home, path)
            if path.name.endswith(SQL_SUFFIX):
                found.append(sql_check(text, path, jinja, index, python_macros, self._engine, self.problems))
            else:
                found.extend(python_checks(text, path, self.problems))
        return self._unique_types(check for check in found if check is not None)

    def _unique_types(self, checks: Iterable[CustomCheck]) -> dict[str, CustomCheck]:
        found: dict[str, CustomCheck] = {}
        for check in checks:
            other = found.setdefault(check.type, check)
            if other is not check or check.type in BUILT_IN:
                place = "built in" if check.type in BUILT_IN else f"also in {other.location}"
                self.problems.append(
                    Problem(f"the check {check.type!r} is {place}", check.location, "Rename it.", code="FFT-120")
                )
        return found

    def _constraint_checks(self, nodes: Iterable[Node]) -> Iterator[CheckDraft]:
        attached = [node for node in nodes if node.attached] if self._engine in engine_names() else []
        return (draft for node in attached for draft in constraint_checks(node, spec_of(self._engine).can))

    def _hook_files(self) -> HookFiles:
        home, folder = Home(self.root), Path("hooks")
        texts = {path.stem: (path, self._text(home, path)) for path in self._files(home, folder, (".sql",))}
        code = {path: self._text(home, path) for path in self._files(home, folder, (".py",))}
        functions = [f for path, text in code.items() for f in hook_functions(text, path, self.problems)]
        return HookFiles(texts, tuple(functions), code)

    def _hook_reading(
        self, macros: list[tuple[Path, str, MacroIndex]], python_macros: Mapping[str, Path]
    ) -> HookReading:
        index = {name: macro for _, _, found in macros for name, macro in found.items()}
        return HookReading(self._engine, self.env, new_environment(), index, python_macros, self.problems)

    def _budgets(self, models: Mapping[str, Model]) -> Budgets:
        file = self._yaml(Path("budgets.yml"))
        shape = self._shaped(BudgetsShape, file)
        if file is None or not isinstance(shape, BudgetsShape):
            return Budgets()
        return budgets_of(shape, file, self._engine, models.keys() | self._scope.elsewhere, self._warn)

    def _evaluate(self, path: Path) -> Evaluated:
        """Import a file of models whose decorators have computed arguments."""
        home = next(home for home in self._files_of if path.is_relative_to(home.shown))
        found = self._evaluator.evaluate(home, path)
        self._conditions.append(found.conditions)
        return found

    def _all_conditions(self, settings: ProjectShape) -> Conditions:
        compared = conditions_of(self._scope.read, (), self._seen, secrets=settings.secrets)
        return joined([*self._conditions, compared], self._seen, settings.secrets)

    def _schemas(self) -> Iterator[YamlFile]:
        """Read the settings of models; the project's settings for a package's model come last, and win."""
        for home in self._files_of:
            for path in self._files(home, home.models, (".yml", ".yaml")):
                file = None if path.name.endswith(STREAM_SUFFIX) else self._parsed(self._text(home, path), path)
                if file is not None:
                    yield file

    def _overlays(self) -> dict[str, Layer]:
        """Return the settings of incremental models in project.yml; of two forms of a name, the later one wins."""
        said, found = self._incremental, dict[str, Layer]()
        for node, content in said.items():
            at = ("models", "incremental", node)
            shape = shaped(IncrementalOverlayShape, content or {}, self._project_file, at)
            if isinstance(shape, list):
                self.problems.extend(shape)
            else:
                where = self._project_file.location(at)
                places = places_of(map(str, content or {}), self._project_file, at)
                found[model_name(node)] = Layer(shape.overlay(), where, Nearness.NAMED, places)
        return found

    def _warn_of_unused_overlays(self, models: Mapping[str, Model], disabled: Collection[str]) -> None:
        """Log a warning for settings of unknown models, which FFT documents as allowed."""
        for node in self._incremental:
            if model_name(node) not in {*models, *self._scope.elsewhere, *disabled}:
                where = self._project_file.location(("models", "incremental", node))
                self._warn("%s: models.incremental names %r, which is not a model", where, node)

    def _unique(self, models: Iterable[Model]) -> dict[str, Model]:
        found: dict[str, Model] = {}
        for model in models:
            other = found.setdefault(model.name.lower(), model)
            if other.package and not model.package:
                self._warn("%s: model %r replaces the one in %s", model.location, model.name, other.location)
                found[model.name.lower()] = model
            elif other is not model:
                hint = "Names are unique in a project, in any case; users.ff.sql and @model(name='users') are the same."
                self.problems.append(
                    Problem(f"model {model.name!r} is also in {other.location}", model.location, hint, code="FFT-120")
                )
        return dict(sorted((model.name, model) for model in found.values()))

    # --- sources and seeds --------------------------------------------------------------------------------------------

    def _sources(self, engine: str) -> dict[SourceName, Source]:
        file = self._yaml(Path("sources.yml"))
        if file is None:
            return {}
        if isinstance(file.content, dict) and not {"version", "sources"} & file.content.keys():
            return self._old_sources(file, engine)
        shape = self._shaped(SourcesShape, file)
        if not isinstance(shape, SourcesShape):
            return {}
        found: dict[SourceName, Source] = {}
        for i, group in enumerate(shape.sources or ()):
            for j, table in enumerate(group.tables or ()):
                name = SourceName(group.name, table.name)
                where = file.location(("sources", i, "tables", j, "name"))
                places = (table.overrides.get(engine), group.overrides.get(engine), table, group)
                if name in found:
                    self.problems.append(Problem(f"source {name} is declared twice", where, code="FFT-120"))
                keys = ("sources", i, "tables", j)
                self.problems.extend(_unread_places(name, places[:2], where, engine))
                self._source_checks += table_checks(str(name), table, file, keys, self._customs, self.problems)
                found[name] = Source(
                    name=name,
                    identifier=next((p.identifier for p in places if p and p.identifier), table.name),
                    location=where,
                    schema=next((p.schema_ for p in places if p and p.schema_), None),
                    catalog=next((p.catalog_name for p in places if p and p.catalog_name), None),
                    description=table.description or group.description,
                    columns=columns_of(table.columns),
                    tags=tuple(dict.fromkeys([*group.tags, *table.tags])),
                    version=table.version(),
                    freshness=table.freshness.value() if table.freshness else None,
                    partition_by=table.partition_by,
                )
        return found

    def _old_sources(self, file: YamlFile, engine: str) -> dict[SourceName, Source]:
        groups = self._shaped(OldSources, file)
        if not isinstance(groups, dict):
            return {}
        found = {}
        for group, tables in groups.items():
            for table, place in tables.items():
                name = SourceName(group, table)
                places = [p for p in (place.overrides.get(engine) if place else None, place) if p]
                found[name] = Source(
                    name=name,
                    identifier=next((p.identifier for p in places if p.identifier), table),
                    location=file.location((group, table)),
                    schema=next((p.schema_ for p in places if p.schema_), None),
                    catalog=next((p.catalog_name for p in places if p.catalog_name), None),
                    description=place.description if place else None,
                    partition_by=place.partition_by if place else None,
                )
        return found

    def _seeds(self) -> dict[str, Seed]:
        file = self._yaml(self._seeds_folder / "schema.yml")
        shape = self._shaped(SeedsShape, file) if file else None
        paths = self._files(Home(self.root), self._seeds_folder, ("",))
        reader = SeedReader(self._seeds_folder, paths, self._engine, self.problems, self._warn)
        return reader.read(shape if isinstance(shape, SeedsShape) else SeedsShape(), file)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _files(self, home: Home, folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
        """Return the files below a folder, as display paths."""
        return [home.shown / path for path in self._files_of[home].below(folder, suffixes)]

    def _unit_test_files(self) -> list[YamlFile]:
        """Return the files directly in tests/unit, as documented for FFT."""
        paths = [p for p in self._files(Home(self.root), UNIT_TESTS, (".yml", ".yaml")) if p.parent == UNIT_TESTS]
        return [file for path in paths if (file := self._yaml(path, keep_digits=True)) is not None]

    def _fixtures(self) -> Fixtures:
        """Return the files directly in tests/fixtures."""
        paths = self._files(Home(self.root), FIXTURES, (".yml", ".yaml", ".csv"))
        own = [path for path in paths if path.parent == FIXTURES]
        return Fixtures(own, lambda path: self._yaml(path, keep_digits=True), self.problems)

    def _yaml(self, path: Path, *, keep_digits: bool = False) -> YamlFile | None:
        home = Home(self.root)
        if not home.file(path).is_file():
            return None
        return self._parsed(self._text(home, path), path, keep_digits=keep_digits)

    def _parsed(self, text: str, path: Path, *, keep_digits: bool = False) -> YamlFile | None:
        parsed = parse_yaml(text, path, keep_digits=keep_digits)
        if isinstance(parsed, Problem):
            self.problems.append(parsed)
            return None
        return parsed

    def _shaped(self, shape: Any, file: YamlFile | None) -> Any:
        """Add the problems to the list, and return the value of the shape; None if it has none."""
        if file is None:
            return None
        value, problems = shaped_in_part(shape, file)
        self.problems.extend(problems)
        return value

    def _text(self, home: Home, path: Path) -> str:
        try:
            return home.file(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            self.problems.append(
                Problem(f"not UTF-8 text: {error.reason} at byte {error.start}", Location(path), code="FFT-103")
            )
        except OSError as error:  # such as a link to a missing file
            self.problems.append(Problem(f"the file cannot be read: {error.strerror}", Location(path), code="FFT-103"))
        return ""


def _unread_places(
    name: SourceName, places: Iterable[PlaceShape | None], where: Location, engine: str
) -> Iterator[Problem]:
    """Report file settings of a source for the project's own engine, which reads it as a table."""
    for key in ("format", "location"):
        if any(place is not None and getattr(place, key) for place in places):
            hint = "Create a view over the files and name it here, or remove the key."
            yield Problem(f"source {name}: `{key}` is not supported on {engine}", where, hint, code="FFT-107")


def _location(problem: Problem) -> tuple[str, int]:
    return (str(problem.where.path), problem.where.line or 0) if problem.where else ("", 0)
