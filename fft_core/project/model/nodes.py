"""The nodes of a project: models, seeds and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from fft_core.engines.spec.attachments import Attachment
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.engines.spec.layout import NO_LAYOUT, Layout, LayoutKey
from fft_core.errors import Location
from fft_core.project.model.materialization import Ephemeral, Keeps, Materialization, PublishMode, Table, View
from fft_core.project.model.streams import StreamBody

PACKAGES = "packages"  # prefix of the paths of packages' files, independent of the folder that they are installed in


@dataclass(frozen=True)
class Column:
    """The declaration of a column; `type` is its SQL type, if declared.

    Columns with the tag `pii`, or with `meta: {pii: true}`, are personal: their values are never shown.
    """

    name: str
    description: str | None = None
    type: str | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def is_pii(self) -> bool:
        """Whether its values are personal data, which no report may contain."""
        return self.meta.get("pii") is True or any(tag.lower() == "pii" for tag in self.tags)


@dataclass(frozen=True)
class SourceName:
    """The logical name of a source table.

    >>> from fft_core import SourceName
    >>> str(SourceName("crm", "orders"))
    'crm.orders'
    """

    group: str
    table: str

    def __str__(self) -> str:
        return f"{self.group}.{self.table}"


@dataclass(frozen=True)
class VersionByDigest:
    """The version is a digest of all rows, of at most `max_rows` rows; None: the limit of the project."""

    max_rows: int | None = None


@dataclass(frozen=True)
class VersionByColumn:
    """The version is the largest value of a column, together with the number of rows."""

    column: str


@dataclass(frozen=True)
class VersionByQuery:
    """The version is the result of a query."""

    sql: str


@dataclass(frozen=True)
class NoVersion:
    """The source has no version: it counts as changed in every run."""


SourceVersion: TypeAlias = VersionByDigest | VersionByColumn | VersionByQuery | NoVersion


@dataclass(frozen=True)
class SourceFreshness:
    """The greatest allowed age of a source's newest row, by a column or expression with the load time of a row."""

    loaded_at: str
    warn_after: timedelta | None = None
    error_after: timedelta | None = None


@dataclass(frozen=True)
class Source:
    """A table that is filled outside of the project; `schema` None means the profile's schema.

    `partition_by` names the column with the partition of a row, or one column for each dimension of the partitions.
    `is_of_hooks` marks a table that hooks of the project fill.

    >>> from fft_core import SourceName, load_project
    >>> load_project("shop").sources[SourceName("crm", "orders")].identifier
    'raw_orders'
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
    is_of_hooks: bool = False


@dataclass(frozen=True)
class Retries:
    """The number of retries of a step, and the wait before each: `delay` in seconds, growing with a `backoff`."""

    max: int
    delay: float | None = None
    backoff: Literal["linear", "exponential"] | None = None
    jitter: Literal["full", "plus_minus"] | None = None


@dataclass(frozen=True)
class StepSettings:
    """Settings for the step of a model or seed, which never change rows; None: the scheduler's default.

    Attributes:
        pool: The Dagster pool whose slots limit how many such steps run at once.
        priority: Among steps that are ready, the step with the highest priority starts first.
        concurrency_key: The older name of `pool`.
        op_tags: Tags of the step, such as `dagster-k8s/config`.
        retries: The retries after errors that may be temporary.
        timeout: Seconds after which the step is interrupted.
    """

    pool: str | None = None
    priority: int | None = None
    concurrency_key: str | None = None
    op_tags: Mapping[str, object] = field(default_factory=dict)
    retries: Retries | None = None
    timeout: float | None = None

    def filled_from(self, other: StepSettings) -> StepSettings:
        """Return these settings, with missing ones taken from `other`; tags are merged one by one."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return replace(other, **{**said, "op_tags": {**other.op_tags, **self.op_tags}})


@dataclass(frozen=True)
class Seed:
    """A file below seeds/ that becomes a table; `path` is relative to the project, `seed_id` to seeds/.

    `form` is the format of a CSV: separator, encoding and the like. `schema`, `alias` and `catalog` are as in `Model`.

    >>> from fft_core import load_project
    >>> load_project("shop").seeds["raw_orders"].column_types
    {'id': 'integer', 'ordered_at': 'timestamp'}
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
    alias: str | None = None
    catalog: str | None = None
    attached: tuple[Attachment, ...] = ()
    attached_at: Location | None = None
    layout: Layout = NO_LAYOUT
    layout_at: Mapping[LayoutKey, Location] = field(default_factory=dict)

    @property
    def column_types(self) -> dict[str, str]:
        """The declared types of columns, by column."""
        return {column.name: column.type for column in self.columns if column.type}


@dataclass(frozen=True)
class Naming:
    """Templates for the schemas and names of models and seeds; None: names are used as declared. See `Places`."""

    schema: str | None = None
    alias: str | None = None
    location: Location | None = None


@dataclass(frozen=True)
class Mentioned:
    """A relation between two pieces of a template's text: a model or seed, a source, or the model itself (None)."""

    target: str | SourceName | None


@dataclass(frozen=True)
class SqlBody:
    """The template of a SQL model, with everything that it and its macros refer to.

    `pieces` is the complete template if it consists of text and relations only: most do, and render without Jinja.

    `volatile` names the parts whose text changes with each rendering; `environment` has "*" for computed names.
    `python_macros` are the names of the functions from macros_py that it uses.
    """

    template: str
    macros: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    environment: frozenset[str] = frozenset()
    pieces: tuple[str | Mentioned, ...] | None = None
    volatile: tuple[str, ...] = ()
    python_macros: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PythonBody:
    """The function of a Python model, and the columns that it requires of each input.

    Attributes:
        function: Its name.
        line: Its first line in the file.
        requires: The columns that each input must have.
        asks_for: The parameters that it takes by name beside its inputs: "this", "is_incremental".
        frames: The kind of frame of each input, in the order of inputs; for a mapping of all inputs, one kind for all.
        frame_of_this: The kind of frame of the model's own table.
        is_lazy: Whether its inputs are lazy tables, and its result is a query.
    """

    function: str
    line: int
    requires: Mapping[str, frozenset[str]] = field(default_factory=dict)
    asks_for: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    frame_of_this: str = ""
    is_lazy: bool = False


@dataclass(frozen=True)
class ModelHook:
    """SQL of a model that runs in the transaction of its build: before its rows are made, or after.

    Attributes:
        key: "pre_hook" or "post_hook".
        template: Its SQL statements.
        location: Its file and line.
        macros: The macros that it calls, directly or through others.
        python_macros: The names of the functions from macros_py that it uses.
    """

    key: str
    template: str
    location: Location
    macros: frozenset[str] = frozenset()
    python_macros: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Serve:
    """The rows of a model are served over HTTP; `where` limits them: SQL in which `:name` is a claim of the reader."""

    where: str | None = None


def python_view_table(name: str) -> str:
    """Return the name of the table that holds the rows of a Python model with materialized='view'.

    >>> python_view_table("users")
    '__ff_py_users'
    """
    return f"__ff_py_{name}"


@dataclass(frozen=True)
class Model:
    """A model; `inputs` keeps the order in which the user named them, each one once.

    `path` is relative to the project; for a package's model it begins with packages/NAME, independent of the installed
    folder: see `Project.file`. `below` is the folder of models that holds the file. `schema`, `alias` and `catalog` are
    as configured; None means the profile's schema and catalog, and the model's own name: see `Places`. `attached` are
    its grants, indexes and constraints, if the engine supports them. `layout` is that of its table, with the places of
    its keys in `layout_at`.

    >>> from fft_core import load_project
    >>> domains = load_project("shop").models["domains"]
    >>> domains.inputs, domains.kind, domains.materialization.name
    (('users',), 'python', 'table')
    """

    name: str
    path: Path
    body: SqlBody | PythonBody | StreamBody
    inputs: tuple[str | SourceName, ...] = ()
    materialization: Materialization = field(default_factory=Table)
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    description: str | None = None
    columns: tuple[Column, ...] = ()
    line: int = 1
    volatile: bool | None = None
    ttl_seconds: float | None = None
    early_cutoff: bool = True
    publish: PublishMode | None = None
    config_line: int = 1
    input_places: Mapping[str | SourceName, Location] = field(default_factory=dict)
    below: Path = Path("models")
    step: StepSettings = field(default_factory=StepSettings)
    schema: str | None = None
    alias: str | None = None
    catalog: str | None = None
    pre_hooks: tuple[ModelHook, ...] = ()
    post_hooks: tuple[ModelHook, ...] = ()
    attached: tuple[Attachment, ...] = ()
    attached_at: Location | None = None
    serve: Serve | None = None
    layout: Layout = NO_LAYOUT
    layout_at: Mapping[LayoutKey, Location] = field(default_factory=dict)

    @property
    def package(self) -> str | None:
        """The name of its package; None for a model of the project itself."""
        return self.below.parts[1] if self.below.parts[:1] == (PACKAGES,) else None

    @property
    def folder(self) -> Path:
        """Its folder below the models of its project or package."""
        return self.path.parent.relative_to(self.below)

    @property
    def location(self) -> Location:
        """Its file and line."""
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
    def kind(self) -> Literal["sql", "python", "stream"]:
        """The language of the model, or "stream"."""
        match self.body:
            case SqlBody():
                return "sql"
            case PythonBody():
                return "python"
        return "stream"

    @property
    def keeps(self) -> Keeps:
        """The rows that a build keeps; those of a stream into a table cannot be read from its source again."""
        is_table = isinstance(self.body, StreamBody) and self.body.sink == "table"
        return "history" if is_table else self.materialization.keeps

    @property
    def is_lazy(self) -> bool:
        """Whether it is a Python function that takes lazy tables and returns a query."""
        return isinstance(self.body, PythonBody) and self.body.is_lazy

    @property
    def has_query(self) -> bool:
        """Whether the engine computes its rows by a query: SQL, or a lazy frame."""
        return self.kind == "sql" or self.is_lazy

    @property
    def is_query(self) -> bool:
        """Whether it is stored as a query only: its rows change with those of its inputs."""
        return isinstance(self.materialization, View) and self.backing_name is None

    @property
    def backing_name(self) -> str | None:
        """The table with the rows of a Python model with materialized='view', by the name documented for FFT."""
        is_view = isinstance(self.body, PythonBody) and not self.is_lazy and isinstance(self.materialization, View)
        return python_view_table(self.name) if is_view else None

    @property
    def config_location(self) -> Location:
        """The file and line of its config."""
        return Location(self.path, self.config_line)

    @property
    def is_ephemeral(self) -> bool:
        """Whether it is inlined instead of stored."""
        return isinstance(self.materialization, Ephemeral)


Node: TypeAlias = Model | Seed
