"""What a user wrote, as frozen values: models, seeds, sources, checks, and the graph that they form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from fft_core.csv_format import DEFAULT, CsvFormat
from fft_core.errors import Location, Problem, ProjectError
from fft_core.names import model_name
from fft_core.project.unit_test import UnitTest

if TYPE_CHECKING:
    from fft_core.project.profiles import Profiles

Severity: TypeAlias = Literal["error", "warn"]
Scope: TypeAlias = Literal["table", "delta"]
IncrementalStrategy: TypeAlias = Literal["merge", "append", "delete_insert", "insert_overwrite"]
SnapshotStrategy: TypeAlias = Literal["timestamp", "check"]
PublishMode: TypeAlias = Literal["in_place", "swap"]
OnSchemaChange: TypeAlias = Literal["ignore", "fail", "append_new_columns", "sync_all_columns"]
LintSetting: TypeAlias = Literal["off", "note", "warning", "error"]
HardDeletes: TypeAlias = Literal["ignore", "invalidate"]
# What a build leaves of the rows that are there: it replaces all, changes some, or closes versions and adds new ones.
Keeps: TypeAlias = Literal["nothing", "rows", "history"]
PACKAGES = "packages"  # what the paths of packages' files begin with, wherever these lie


@dataclass(frozen=True)
class Table:
    """The rows are stored; each build replaces all of them."""

    name: Literal["table"] = "table"
    keeps: ClassVar[Keeps] = "nothing"


@dataclass(frozen=True)
class View:
    """The query is stored."""

    name: Literal["view"] = "view"
    keeps: ClassVar[Keeps] = "nothing"


@dataclass(frozen=True)
class MaterializedView:
    """The query is stored with its rows; each build computes them anew. Not every engine has it."""

    name: Literal["materialized_view"] = "materialized_view"
    keeps: ClassVar[Keeps] = "nothing"


@dataclass(frozen=True)
class Ephemeral:
    """Nothing is stored; the query is inlined where the model is referred to."""

    name: Literal["ephemeral"] = "ephemeral"
    keeps: ClassVar[Keeps] = "nothing"


@dataclass(frozen=True)
class Incremental:
    """The rows are stored, and a build changes those that are there instead of replacing all of them.

    Attributes:
        unique_key: The columns that tell rows apart.
        strategy: What becomes of rows that are there already.
        partition_by: With insert_overwrite: the columns whose values are replaced as a whole.
        updated_at: Columns that say when a row changed.
        lookback: Keep only rows of the delta that are newer than the newest stored one less so much: an interval
            ("3 days"), or a number for columns of numbers. None: the model itself says what is new.
        on_schema_change: What becomes of columns that the table lacks, or that the rows lack.
    """

    unique_key: tuple[str, ...] = ()
    strategy: IncrementalStrategy = "merge"
    partition_by: tuple[str, ...] = ()
    updated_at: tuple[str, ...] = ()
    lookback: str | int | None = None
    on_schema_change: OnSchemaChange = "ignore"
    name: Literal["incremental"] = "incremental"
    keeps: ClassVar[Keeps] = "rows"


@dataclass(frozen=True)
class Snapshot:
    """All versions of each row are stored, with the time from which and until which each of them was current.

    Attributes:
        unique_key: The columns that tell rows apart.
        strategy: How a new version is recognised: by a newer `updated_at`, or by other values.
        updated_at: With timestamp: the column that says when a row changed.
        check_columns: With check: the columns that are compared; all where empty.
        hard_deletes: Whether rows that are not in the source any more are closed.
        keep_last: How many versions of a row are kept; all where None.
        on_schema_change: What becomes of columns that the table lacks.
    """

    unique_key: tuple[str, ...]
    strategy: SnapshotStrategy
    updated_at: str | None = None
    check_columns: tuple[str, ...] = ()
    hard_deletes: HardDeletes = "ignore"
    keep_last: int | None = None
    on_schema_change: OnSchemaChange = "append_new_columns"
    name: Literal["snapshot"] = "snapshot"
    keeps: ClassVar[Keeps] = "history"


Materialization: TypeAlias = Table | View | MaterializedView | Ephemeral | Incremental | Snapshot


@dataclass(frozen=True)
class Column:
    """What is said about a column; `type` is the SQL type where one is given."""

    name: str
    description: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class SourceName:
    """The logical name of a source table."""

    group: str
    table: str

    def __str__(self) -> str:
        return f"{self.group}.{self.table}"


@dataclass(frozen=True)
class VersionByDigest:
    """The version is a digest of all rows, up to so many of them; the project's limit where None."""

    max_rows: int | None = None


@dataclass(frozen=True)
class VersionByColumn:
    """The version is the largest value of a column, and the number of rows."""

    column: str


@dataclass(frozen=True)
class VersionByQuery:
    """The version is what a query gives."""

    sql: str


@dataclass(frozen=True)
class NoVersion:
    """There is no version: the source always counts as changed."""


SourceVersion: TypeAlias = VersionByDigest | VersionByColumn | VersionByQuery | NoVersion


@dataclass(frozen=True)
class FingerprintSettings:
    """What counts in fingerprints: all user FF_* variables or those used; how many rows are digested at most."""

    environment: Literal["all", "used"] = "all"
    digest_max_rows: int = 1_000_000


@dataclass(frozen=True)
class SourceFreshness:
    """How old the newest row of a source may be, by a column or expression that says when a row was loaded."""

    loaded_at: str
    warn_after: timedelta | None = None
    error_after: timedelta | None = None


@dataclass(frozen=True)
class Source:
    """A table that somebody else fills; `schema` None means the profile's schema.

    `partition_by` names the column that tells the partition of a row, or one for each dimension of the partitions.
    """

    name: SourceName
    identifier: str
    location: Location
    schema: str | None = None
    catalog: str | None = None
    description: str | None = None
    columns: tuple[Column, ...] = ()
    tags: tuple[str, ...] = ()
    version: SourceVersion = field(default_factory=VersionByDigest)
    freshness: SourceFreshness | None = None
    partition_by: str | Mapping[str, str] | None = None


@dataclass(frozen=True)
class Retries:
    """How often a step is tried again, and how long it waits before: `delay` in seconds, more with a `backoff`."""

    max: int
    delay: float | None = None
    backoff: Literal["linear", "exponential"] | None = None
    jitter: Literal["full", "plus_minus"] | None = None


@dataclass(frozen=True)
class StepSettings:
    """How the step of a model or seed is run; nothing of it changes rows. None is whatever the scheduler does.

    Attributes:
        pool: The pool of Dagster whose slots limit how many such steps run at once.
        priority: Of steps that could start, that with the higher one does.
        concurrency_key: The same limit, under the name that it had before pools.
        op_tags: Tags of the step, as `dagster-k8s/config`.
        retries: What is done about errors that a later try may not meet.
        timeout: Seconds after which the step is interrupted.
    """

    pool: str | None = None
    priority: int | None = None
    concurrency_key: str | None = None
    op_tags: Mapping[str, object] = field(default_factory=dict)
    retries: Retries | None = None
    timeout: float | None = None

    def filled_from(self, other: StepSettings) -> StepSettings:
        """Take from another what is not said here; of tags, each by itself."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return replace(other, **{**said, "op_tags": {**other.op_tags, **self.op_tags}})


@dataclass(frozen=True)
class Seed:
    """A file below seeds/ that becomes a table; `path` is relative to the project, `seed_id` to seeds/.

    `form` is how it is written, if it is a CSV.
    """

    name: str
    seed_id: str
    path: Path
    schema: str | None = None
    description: str | None = None
    columns: tuple[Column, ...] = ()
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    step: StepSettings = field(default_factory=StepSettings)
    form: CsvFormat = DEFAULT

    @property
    def column_types(self) -> dict[str, str]:
        """The declared type of each column that has one."""
        return {column.name: column.type for column in self.columns if column.type}


@dataclass(frozen=True)
class Mentioned:
    """A relation between two pieces of a template's text: a model or seed, a source, or the model itself (None)."""

    target: str | SourceName | None


@dataclass(frozen=True)
class SqlBody:
    """The template of a SQL model, with what it mentions, its macros included.

    `pieces` is all of it where it is just text and relations, as most models are: no Jinja is needed to render it.

    `delta` is the template of the rows to be applied where an incremental model says so by a query of its own.
    `volatile` names what in the templates gives another text each time; `environment` has "*" for computed names.
    """

    template: str
    macros: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    environment: frozenset[str] = frozenset()
    pieces: tuple[str | Mentioned, ...] | None = None
    delta: str | None = None
    volatile: tuple[str, ...] = ()


@dataclass(frozen=True)
class PythonBody:
    """The function of a Python model, and the columns that it requires of each input.

    `asks_for` holds what it is given by name beside its inputs: "this", "is_incremental".
    """

    function: str
    line: int
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict)
    asks_for: tuple[str, ...] = ()


def python_view_table(name: str) -> str:
    """Return the name of the table that holds the rows of a Python model in a view.

    >>> python_view_table("users")
    '__ff_py_users'
    """
    return f"__ff_py_{name}"


@dataclass(frozen=True)
class Model:
    """One model; `inputs` keeps the order in which the user named them, each one once.

    `path` is relative to the project; that of a package's model begins with packages/NAME, wherever it lies: see
    `Project.file`. `below` is the folder of models that it was found in.
    """

    name: str
    logical_name: str
    path: Path
    body: SqlBody | PythonBody
    inputs: tuple[str | SourceName, ...] = ()
    materialization: Materialization = field(default_factory=Table)
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    description: str | None = None
    columns: tuple[Column, ...] = ()
    line: int = 1
    volatile: bool | None = None
    early_cutoff: bool = True
    publish: PublishMode | None = None
    config_line: int = 1
    input_places: Mapping[str | SourceName, Location] = field(default_factory=dict)
    below: Path = Path("models")
    step: StepSettings = field(default_factory=StepSettings)

    @property
    def package(self) -> str | None:
        """The package that it comes from; None for the project's own."""
        return self.below.parts[1] if self.below.parts[:1] == (PACKAGES,) else None

    @property
    def folder(self) -> Path:
        """Its folder below the models of its project or package."""
        return self.path.parent.relative_to(self.below)

    @property
    def location(self) -> Location:
        """Where the model is written."""
        return Location(self.path, self.line)

    @property
    def refs(self) -> tuple[str, ...]:
        """The models and seeds that it reads, by name."""
        return tuple(i for i in self.inputs if isinstance(i, str))

    @property
    def sources(self) -> tuple[SourceName, ...]:
        """The source tables that it reads."""
        return tuple(i for i in self.inputs if isinstance(i, SourceName))

    @property
    def kind(self) -> Literal["sql", "python"]:
        """The language of the model."""
        return "sql" if isinstance(self.body, SqlBody) else "python"

    @property
    def is_query(self) -> bool:
        """Whether nothing is stored but a query: its rows change with those of its inputs."""
        return isinstance(self.materialization, View) and self.backing_name is None

    @property
    def backing_name(self) -> str | None:
        """The table that holds the rows of a Python model in a view, by the name documented for FFT."""
        is_view = self.kind == "python" and isinstance(self.materialization, View)
        return python_view_table(self.name) if is_view else None

    @property
    def config_location(self) -> Location:
        """Where its config is written."""
        return Location(self.path, self.config_line)

    @property
    def is_ephemeral(self) -> bool:
        """Whether it is inlined instead of stored."""
        return isinstance(self.materialization, Ephemeral)


@dataclass(frozen=True)
class NotNull:
    """No row has NULL in the column."""

    column: str


@dataclass(frozen=True)
class Unique:
    """No two rows have the same values; NULL counts as a value, as documented for FFT."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class AcceptedValues:
    """Every value that is not NULL is one of these."""

    column: str
    values: tuple[str | int | float | bool, ...]


@dataclass(frozen=True)
class RowCountBetween:
    """The table has at least `minimum` and at most `maximum` rows."""

    minimum: int
    maximum: int | None = None


@dataclass(frozen=True)
class GreaterEqual:
    """Every value that is not NULL is at least `threshold`; NaN is not."""

    column: str
    threshold: int | float


@dataclass(frozen=True)
class NonNegativeSum:
    """The sum of the column is not below zero, and is a number."""

    column: str


@dataclass(frozen=True)
class Freshness:
    """The latest timestamp of the column is at most so many minutes old; infinity is none."""

    column: str
    max_delay_minutes: float


@dataclass(frozen=True)
class Relationships:
    """Every value is found in `field` of `to`; a NULL is not found, as documented for FFT."""

    column: str
    to: str | SourceName
    field: str


Rule: TypeAlias = (
    NotNull | Unique | AcceptedValues | RowCountBetween | GreaterEqual | NonNegativeSum | Freshness | Relationships
)


@dataclass(frozen=True)
class Check:
    """A rule about the rows of one model, seed or source; `name` is unique among those of its node.

    `scope` says which rows it judges in the build of an incremental model: the table with the new rows in it, or those.
    """

    name: str
    node: str | SourceName
    type: str
    rule: Rule
    location: Location
    severity: Severity = "error"
    where: str | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    scope: Scope = "table"


Node: TypeAlias = Model | Seed


@dataclass(frozen=True)
class Home:
    """A folder with models, the project's own or a package's; `shown` is what paths in messages begin with."""

    root: Path
    models: Path = Path("models")
    shown: Path = Path()

    @property
    def below(self) -> Path:
        """The folder of its models, as shown."""
        return self.shown / self.models

    def file(self, path: Path) -> Path:
        """Where the file of a path lies."""
        return self.root / path.relative_to(self.shown)


@dataclass(frozen=True)
class Package:
    """Another project whose models and macros this one uses.

    Attributes:
        name: Its name, in packages.yml and in its own project.yml.
        home: Where its files lie.
        origin: Where it comes from, for people; without credentials.
        version: What its project.yml says.
        commit: What was installed, if it comes from git.
        digest: What its files said when they were read.
    """

    name: str
    home: Home
    origin: str
    version: str | None = None
    commit: str | None = None
    digest: str = ""


@dataclass(frozen=True)
class Project:
    """All of a project, linked and valid. It opens nothing and holds no credentials; it can be pickled."""

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
    profiles_read: Profiles | None = field(default=None, repr=False, compare=False)  # by what loaded it

    @cached_property
    def profiles(self) -> Profiles:
        """What profiles.yml says; the file is read once, mostly when the project is loaded."""
        from fft_core.project.profiles import Profiles  # with dotenv, which what the files say does not need

        return self.profiles_read or Profiles(self.root, self.env, self.environment)

    def home_of(self, path: Path) -> Home:
        """Which folder with models a file is in: the project's own, or a package's."""
        package = self.packages.get(path.parts[1]) if path.parts[:1] == (PACKAGES,) else None
        return package.home if package else Home(self.root)

    def file(self, path: Path) -> Path:
        """Where the file of a model, seed or macro lies."""
        return self.home_of(path).file(path)

    def read_variables(self) -> frozenset[str]:
        """Return the names of the variables that SQL models read; "*" stands for computed names."""
        bodies = [model.body for model in self.models.values() if isinstance(model.body, SqlBody)]
        return frozenset[str]().union(*(body.variables for body in bodies))

    def model(self, name: str) -> Model:
        """Find a model by either form of its name. Raises KeyError."""
        return self.models[model_name(name)]

    def stored(self) -> tuple[Node, ...]:
        """The seeds and models that have rows of their own, each after what it waits for; seeds first, ties by name."""
        return self._stored

    def waiting_levels(self) -> tuple[tuple[str, ...], ...]:
        """All models and seeds in levels: each is one above the highest of those that it waits for."""
        return _levels({name: self.waits_for(name) for name in (*sorted(self.seeds), *self.models)})

    def node(self, name: str) -> Node:
        """Find a model or a seed. Raises KeyError."""
        key = model_name(name)
        return self.models[key] if key in self.models else self.seeds[key]

    def checks_of(self, node: str | SourceName) -> tuple[Check, ...]:
        """The checks of one model, seed or source, in the order written."""
        return self._checks_by_node.get(node, ())

    def order(self) -> tuple[Model, ...]:
        """All models, each after those that it reads; ties by name (Kahn's algorithm)."""
        return tuple(self.models[name] for level in self.levels() for name in level)

    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The models in levels: a model's level is one above the highest of those that it waits for."""
        graph = {name: tuple(n for n in self.waits_for(name) if n in self.models) for name in self.models}
        return _levels(graph)

    def stored_inputs(self, model: Model) -> tuple[str | SourceName, ...]:
        """What a model reads, with the inputs of the ephemeral models that it inlines in their place."""
        found: dict[str | SourceName, None] = {}
        for name in model.inputs:
            upstream = self.models.get(name) if isinstance(name, str) else None
            inlined = upstream is not None and upstream.is_ephemeral
            found.update(dict.fromkeys(self.stored_inputs(upstream) if upstream and inlined else (name,)))
        return tuple(found)

    def upstream(self, name: str) -> frozenset[str]:
        """The models and seeds that a model reads, directly or not; a seed behind a source counts."""
        return _reach(model_name(name), self.reads)

    def downstream(self, name: str) -> frozenset[str]:
        """The models that read a model or seed, directly or not."""
        return _reach(model_name(name), self.read_by)

    def read_by(self, name: str) -> tuple[str, ...]:
        """The models that read a model or seed directly."""
        return self._readers.get(name, ())

    def reads(self, name: str) -> tuple[str, ...]:
        """The models and seeds that a model reads directly; a seed behind a source counts."""
        if name not in self.models:
            return ()
        behind = (self.seed_behind(i) if isinstance(i, SourceName) else i for i in self.models[name].inputs)
        return tuple(dict.fromkeys(n for n in behind if n is not None))

    def waits_for(self, name: str) -> tuple[str, ...]:
        """The models and seeds that must be built before a model or seed: what it reads, and what its checks read."""
        targets = (check.rule.to for check in self.checks_of(name) if isinstance(check.rule, Relationships))
        behind = (self.seed_behind(to) if isinstance(to, SourceName) else to for to in targets)
        return tuple(dict.fromkeys([*self.reads(name), *(n for n in behind if n is not None and n != name)]))

    def seed_behind(self, source: SourceName) -> str | None:
        """The seed that fills a source, where the project has one of that relation."""
        place = self.sources.get(source)
        seed = self.seeds.get(place.identifier) if place else None
        return seed.name if place and seed and place.catalog is None and place.schema in (None, seed.schema) else None

    @cached_property
    def _stored(self) -> tuple[Node, ...]:
        nodes = [self.node(name) for level in self.waiting_levels() for name in level]
        nodes.sort(key=lambda node: isinstance(node, Model))
        return tuple(node for node in nodes if not (isinstance(node, Model) and node.is_ephemeral))

    @cached_property
    def _readers(self) -> Mapping[str, tuple[str, ...]]:
        readers: dict[str, list[str]] = {}
        for name in self.models:
            for read in self.reads(name):
                readers.setdefault(read, []).append(name)
        return {name: tuple(sorted(names)) for name, names in readers.items()}

    @cached_property
    def _checks_by_node(self) -> Mapping[str | SourceName, tuple[Check, ...]]:
        found: dict[str | SourceName, list[Check]] = {}
        for check in self.checks:
            found.setdefault(check.node, []).append(check)
        return {node: tuple(checks) for node, checks in found.items()}


def find_cycle(project: Project) -> tuple[str, ...] | None:
    """Give one cycle as the names on its path, the first one repeated at the end; None without a cycle."""
    nodes = {*project.models, *project.seeds}
    graph = {name: tuple(n for n in project.waits_for(name) if n in nodes) for name in sorted(nodes)}
    rest = {name for level in _levels(graph, strict=False) for name in level}
    stuck = sorted(set(graph) - rest)
    if not stuck:
        return None
    path: list[str] = []
    name = stuck[0]
    while name not in path:
        path.append(name)
        name = next(ref for ref in graph[name] if ref not in rest)
    return (*path[path.index(name) :], name)


def _levels(graph: Mapping[str, tuple[str, ...]], *, strict: bool = True) -> tuple[tuple[str, ...], ...]:
    waiting = {name: len(set(refs)) for name, refs in graph.items()}
    readers: dict[str, list[str]] = {name: [] for name in graph}
    for name, refs in graph.items():
        for ref in set(refs):
            readers[ref].append(name)
    level = sorted(name for name, count in waiting.items() if count == 0)
    levels: list[tuple[str, ...]] = []
    while level:
        levels.append(tuple(level))
        following: list[str] = []
        for name in level:
            for reader in readers[name]:
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    following.append(reader)
        level = sorted(following)
    if strict and sum(map(len, levels)) < len(graph):
        raise ProjectError([Problem("The models form a cycle.")])
    return tuple(levels)


def _reach(start: str, step: Callable[[str], Iterable[str]]) -> frozenset[str]:
    found: set[str] = set()
    frontier: list[str] = [start]
    while frontier:
        for name in step(frontier.pop()):
            if name not in found:
                found.add(name)
                frontier.append(name)
    return frozenset(found)
