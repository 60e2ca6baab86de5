"""What has rows: models, seeds and sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from fft_core.engines.spec.attachments import Attachment
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.errors import Location
from fft_core.project.model.materialization import Ephemeral, Keeps, Materialization, PublishMode, Table, View
from fft_core.project.model.streams import StreamBody

PACKAGES = "packages"  # what the paths of packages' files begin with, wherever these lie


@dataclass(frozen=True)
class Column:
    """What is said about a column; `type` is the SQL type where one is given.

    Values of a personal one are shown nowhere: it has the tag `pii`, or `meta: {pii: true}`.
    """

    name: str
    description: str | None = None
    type: str | None = None
    tags: tuple[str, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def is_pii(self) -> bool:
        """Whether its values are personal: they stand in no report."""
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
class SourceFreshness:
    """How old the newest row of a source may be, by a column or expression that says when a row was loaded."""

    loaded_at: str
    warn_after: timedelta | None = None
    error_after: timedelta | None = None


@dataclass(frozen=True)
class Source:
    """A table that somebody else fills; `schema` None means the profile's schema.

    `partition_by` names the column that tells the partition of a row, or one for each dimension of the partitions.
    `is_of_hooks` says that hooks of the project's own fill it.

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

    `form` is how it is written, if it is a CSV. `schema`, `alias` and `catalog` are as in `Model`.

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

    @property
    def column_types(self) -> dict[str, str]:
        """The declared type of each column that has one."""
        return {column.name: column.type for column in self.columns if column.type}


@dataclass(frozen=True)
class Naming:
    """Templates of the schema and the name of models and seeds; None takes them as they are said. See `Places`."""

    schema: str | None = None
    alias: str | None = None
    location: Location | None = None


@dataclass(frozen=True)
class Mentioned:
    """A relation between two pieces of a template's text: a model or seed, a source, or the model itself (None)."""

    target: str | SourceName | None


@dataclass(frozen=True)
class SqlBody:
    """The template of a SQL model, with what it mentions, its macros included.

    `pieces` is all of it where it is just text and relations, as most models are: no Jinja is needed to render it.

    `volatile` names what in the templates gives another text each time; `environment` has "*" for computed names.
    `python_macros` are the names of macros_py that it uses.
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
        line: Where it is.
        requires: The columns that each input must have.
        asks_for: What it is given by name beside its inputs: "this", "is_incremental".
        frames: The kind of frame of each input, in their order; of a mapping of all inputs, that of each of them.
        frame_of_this: The kind of frame of its own table.
        is_lazy: Whether these are tables without rows, so that it returns a query.
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
    """SQL of a model that is run in the transaction that builds it: before its rows are made, or once they are there.

    Attributes:
        key: "pre_hook" or "post_hook".
        template: Its statements.
        location: Where it is written.
        macros: The macros that it calls, directly or not.
        python_macros: The names of macros_py that it uses.
    """

    key: str
    template: str
    location: Location
    macros: frozenset[str] = frozenset()
    python_macros: frozenset[str] = frozenset()


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
    `Project.file`. `below` is the folder of models that it was found in. `schema`, `alias` and `catalog` are what is
    said of where it lies: None is the profile's, and its own name; see `Places`. `attached` are its grants, indexes and
    constraints, as far as its engine has them.

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
    def kind(self) -> Literal["sql", "python", "stream"]:
        """The language of the model, or that it is a stream."""
        match self.body:
            case SqlBody():
                return "sql"
            case PythonBody():
                return "python"
        return "stream"

    @property
    def keeps(self) -> Keeps:
        """What a build leaves of the rows that are there; those of a stream into a table cannot be read again."""
        is_table = isinstance(self.body, StreamBody) and self.body.sink == "table"
        return "history" if is_table else self.materialization.keeps

    @property
    def is_lazy(self) -> bool:
        """Whether it is a function that gets tables without rows and returns a query."""
        return isinstance(self.body, PythonBody) and self.body.is_lazy

    @property
    def has_query(self) -> bool:
        """Whether its rows are those of a query that the engine runs: SQL, or what a lazy frame comes to."""
        return self.kind == "sql" or self.is_lazy

    @property
    def is_query(self) -> bool:
        """Whether nothing is stored but a query: its rows change with those of its inputs."""
        return isinstance(self.materialization, View) and self.backing_name is None

    @property
    def backing_name(self) -> str | None:
        """The table that holds the rows of frames of a Python model in a view, by the name documented for FFT."""
        is_view = isinstance(self.body, PythonBody) and not self.is_lazy and isinstance(self.materialization, View)
        return python_view_table(self.name) if is_view else None

    @property
    def config_location(self) -> Location:
        """Where its config is written."""
        return Location(self.path, self.config_line)

    @property
    def is_ephemeral(self) -> bool:
        """Whether it is inlined instead of stored."""
        return isinstance(self.materialization, Ephemeral)


Node: TypeAlias = Model | Seed
