"""The interface of an engine with an open database: a session, and its parts, which publish, read and compare.

An author of an engine writes seven methods of `Session`, on top of `BaseSession` in `session.py`. Each part has a
ready-made class, which its docstring names. `docs/guides/write-an-engine.md` builds an engine as an example.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from fft_core.engines.spec import Capabilities
from fft_core.engines.spec.attachments import Attachment
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.engines.spec.layout import NO_LAYOUT, Layout
from fft_core.engines.spec.registry import spec_of
from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.trace import Trace
from fft_core.names import Relation
from fft_core.names.functions import Definition

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.engines.changes import Alteration, Change

RelationKind: TypeAlias = Literal["table", "view", "materialized_view"]
PublishMode: TypeAlias = Literal["in_place", "swap"]
Start: TypeAlias = Literal["empty", "published"]
After: TypeAlias = Callable[[], Sequence[str]]
Row: TypeAlias = tuple[Any, ...]  # values as the driver returns them


@dataclass(frozen=True)
class ColumnType:
    """A column of a relation as the database knows it; `type` is the engine's own name for it."""

    name: str
    type: str


class Want(Flag):
    """The facts that `Session.inspect` is asked for, besides the kind."""

    KIND = 0
    STAMP = auto()
    ROWS = auto()
    COLUMNS = auto()
    COMMENTS = auto()


@dataclass(frozen=True)
class TableInfo:
    """A relation that exists, with the facts that were asked for.

    Attributes:
        kind: Its kind.
        stamp: The mark that a build left; None if there is none, or if the relation was changed or replaced since.
        rows: How many rows a table or materialized view with a stamp has; None for others.
        columns: Its columns, in order. Those of a view may be from the time when it was created.
        comment: Its comment, with the mark.
        column_comments: The comments of columns that have one, by name.
    """

    kind: RelationKind
    stamp: str | None = None
    rows: int | None = None
    columns: tuple[ColumnType, ...] = ()
    comment: str = ""
    column_comments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stats:
    """The result of a statement; None for a value that the engine does not report.

    Attributes:
        rows: How many rows it wrote.
        bytes: How many bytes it processed.
        job: The engine's name for the job, for people who look it up there.
    """

    rows: int | None = None
    bytes: int | None = None
    job: str | None = None


@dataclass(frozen=True)
class Seal:
    """The stamp and the record that become visible together with the rows of a stage.

    Attributes:
        stamp: The mark that is left on the relation; None leaves none.
        columns: The columns of the stage.
        record: The statements that write the record of the build.
        mode: Whether the rows of a table are replaced in place, or the table is swapped; if None, the engine decides.
        after: Functions that return statements. They are called, and the statements run, when the relation has its rows
            and its name, but not yet its stamp: so they can look at the relation.
    """

    stamp: str | None = None
    columns: tuple[ColumnType, ...] = ()
    record: tuple[str, ...] = ()
    mode: PublishMode | None = None
    after: tuple[After, ...] = ()


@dataclass(frozen=True)
class Sealed:
    """The facts about a relation that is published: the bytes that its table takes, None if unknown."""

    bytes: int | None = None


class Stage(Protocol):
    """Rows that no other session sees yet. A stage is used in the thread of its session, while its context lasts.

    If the context ends without `publish`, the published relation stays as it was.
    """

    @property
    def place(self) -> Relation:
        """The relation that holds the rows, for checks."""

    def write(self, query: str, written: str | None = None) -> tuple[tuple[ColumnType, ...], Stats]:
        """Create the stage from a query; return its columns, each with a type and a name of its own.

        Args:
            query: The query of the rows.
            written: The user's query, if `query` is built around it: its columns must have different names.

        Raises:
            StatementError: the query fails, or has two columns of one name.
        """

    def apply(self, statements: Sequence[str]) -> Stats:
        """Run statements before the rows are published; return the sum of their rows."""

    def alter(self, alteration: Alteration) -> None:
        """Change the columns of the stage; afterwards `place` may be another relation. Raises StatementError."""

    def change(self, change: Change) -> Stats:
        """Change the staged rows; afterwards `place` may be another relation, which shows the changed rows.

        Rows are counted only if the change is made at once, not when the stage is published. Raises StatementError.
        """

    def retype(self, column: ColumnType) -> bool:
        """Change the type of a column of the staged table; return False if an object that depends on it prevents that.

        Raises:
            StatementError: a value cannot be cast.
        """

    def scratch(
        self, name: str, query: str, written: str | None = None, *, kind: RelationKind = "table"
    ) -> tuple[Relation, tuple[ColumnType, ...]]:
        """Store the rows of a query, or a view of it, beside the stage, until it is published or the context ends.

        Raises the errors of `write`.
        """

    def publish(self, seal: Seal) -> Sealed:
        """Make the staged rows visible under the relation's name, with their stamp and their record.

        With `Capabilities.transactions`, all of it becomes visible when the context ends, or nothing does. Without
        transactions, rows and stamp become visible by one statement, and the record is written right after it. After a
        crash in between, the stamp has no record: the relation is built once more, never skipped wrongly.

        Objects of others on the relation (views, grants, comments, indexes) are kept, as far as the engine can.

        Raises:
            EngineError: an object cannot be kept; the message names it, and nothing is changed.
        """


class Publisher(Protocol):
    """The part that stages and publishes rows.

    Ready-made: `InTransaction` and `RenameInTransaction` in `publishing.py`, `SwapByStatement` in `by_statement.py`.
    """

    def stage(
        self,
        relation: Relation,
        kind: RelationKind,
        start: Start = "empty",
        *,
        view: Relation | None = None,
        replaces: RelationKind | None = None,
        layout: Layout = NO_LAYOUT,
    ) -> AbstractContextManager[Stage]:
        """Stage rows for a relation while the context lasts; other builds of it wait, if the engine has locks.

        Args:
            relation: The relation to publish.
            kind: Its kind.
            start: The rows with which the stage begins: none, or the published rows, which `apply` then changes.
            view: The view that shows the rows, if they are stored in a table of their own. It is created, or replaced,
                over `relation` when the stage is published, and gets the stamp as well.
            replaces: The kind of the relation that has the published name now, as far as the caller knows; None for no
                relation.
            layout: The layout of the table, with the keys that the engine has. If the rows of a published table are
                changed in its place, its layout stays, unless the layout is new.

        Raises:
            LayoutError: a table cannot have the layout; raised when the rows are written or published.
            BusyError: another session builds the relation for too long.
        """


class Types(Protocol):
    """The types of an engine, and the comparisons of its values. Ready-made: `StandardTypes` in `session.py`."""

    @property
    def spelling(self) -> Spelling:
        """Renders the statements of the engine."""

    def column_type(self, declared: str) -> str:
        """Return the engine's type for one that a project declares: one of FFT's type names, or the engine's own."""

    def usable_type(self, type: str) -> str:
        """Return the type of a table's column for the type in a query; they differ if the query has only NULLs."""

    def holds_times(self, type: str) -> bool:
        """Whether the values of a type are dates or times."""

    def read_time(self, value: object) -> datetime:
        """Return a time without a zone, as `fetch` returns it, as a datetime. Raises ValueError for other values."""

    def json_value(self, value: object, type: str) -> str:
        """Render lists, mappings and other values of JSON as a value of a type: an array, a struct, a map or JSON."""

    def comparable(self, value: str, kind: str) -> str:
        """Render a value of a type so that `=` and `group by` work on it: the value, or its text if they do not."""

    def visible(self, value: str, kind: str) -> str:
        """Render a value of a type so that `is distinct from` finds all visible differences, as of 1.0 and 1.00."""

    def unequal(self, value: str, kind: str) -> str | None:
        """Render a value that differs from this one, if an UPDATE does not store a value that equals the old one.

        None for types whose new values an UPDATE always stores.
        """


class Frames(Protocol):
    """Conversions of frames and files into rows, and back. Ready-made: `SqlFrames` in `sql_frames.py`."""

    def read(self, sql: str) -> pa.Table:
        """Run a query and return its rows as an Arrow table. Raises StatementError, EngineError."""

    def write_parquet(self, sql: str, path: Path) -> None:
        """Run a query and write its rows as a Parquet file, whose folder exists. Raises StatementError, EngineError."""

    def query(self, frame: pa.Table) -> AbstractContextManager[str]:
        """Make the rows of a frame selectable while the context lasts; yield the SELECT that reads them.

        Raises:
            EngineError: the engine has no type for a column, or cannot hold a value.
        """

    def file_query(
        self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT
    ) -> AbstractContextManager[str]:
        """Make the rows of a CSV or Parquet file selectable while the context lasts; yield the SELECT.

        A CSV is read by `csv_file`: the columns and values are the same on every engine. If `column_types` names
        columns of a CSV, its other columns are text, as documented for FFT. Raises SeedError.
        """


class NativeFrames(Protocol):
    """Lazy frames of the engine's own library; their rows stay in the engine. Ready-made: `NoNativeFrames`."""

    def frame(self, query: str, kind: str) -> Any:  # Any: a frame of the engine's library
        """Return the rows of a query as a lazy frame.

        Args:
            query: The query of the rows.
            kind: The name of a `FrameKind` of the spec that is native.
        """

    def is_frame(self, value: object) -> bool:
        """Whether a value is a frame of the engine's library."""

    def query(self, frame: Any) -> AbstractContextManager[str]:
        """Return the SELECT of a frame's rows; the objects that it reads exist while the context lasts.

        Raises:
            EngineError: no query returns the frame's rows.
        """


class Versions(Protocol):
    """Data versions of relations, and definitions that results depend on. Ready-made: `NoVersions`."""

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        """Render an aggregate over whole rows of `alias`; it depends on the order of the rows only with `in_order`.

        Two sets of rows have the same text only if no query can distinguish them. With `in_order`, the rows are those
        of a relation that was just created, in the order of writing; NULL if the engine does not know that order.
        """

    def known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        """Return a data version of each of these relations, which changes whenever its rows do, by one query.

        The query reads no rows. Relations without a version are left out. Called only if `Capabilities.knows_versions`.
        """

    def definitions(self) -> Sequence[Definition]:
        """Return the functions, macros, types, operators and casts that users made and that SQL can use."""

    def change_mark(self, relations: Iterable[Relation]) -> Hashable | None:
        """Return a mark of the places of some relations, which is cheap to read, and differs after any commit there.

        None if the engine has no such mark, or does not know it at the moment.
        """


class Attachments(Protocol):
    """Grants, indexes and constraints. Ready-made: `NoAttachments`, for engines that have none."""

    def removed(self, relation: Relation, kind: RelationKind, gone: Sequence[Attachment]) -> Sequence[str]:
        """Return the statements that remove declared attachments from an existing relation; may read the catalog."""

    def added(
        self,
        relation: Relation,
        kind: RelationKind,
        wanted: Sequence[Attachment],
        place: Callable[[str], Relation],
    ) -> Sequence[str]:
        """Return the statements that add the attachments that a relation does not have; may read the catalog.

        Args:
            relation: A relation that has its rows and its name.
            kind: Its kind; attachments that this kind cannot have are left out.
            wanted: All attachments that are declared for it.
            place: Returns the relation of a model or seed that a foreign key refers to.
        """


class Estimates(Protocol):
    """The expected cost of a query, before it runs. Ready-made: `NoEstimates`."""

    def bytes_of(self, sql: str) -> int | None:
        """Return how many bytes a query is expected to process; None if the engine does not know.

        Raises:
            StatementError: the query is wrong.
        """


class Places(Protocol):
    """The relations of other profiles of the engine that a session can read. Ready-made: `NoPlaces`."""

    def of(self, settings: Mapping[str, Any]) -> Session:
        """Return this session with the relation names of another profile, only to read its relations.

        It is the same session on the same connection, and must not be closed. If the other database has to be
        attached, it is attached read-only, and stays attached while this database is open.

        Args:
            settings: The settings of the other profile, as `read_settings` returned them.

        Raises:
            EngineError: one statement cannot read the databases of both profiles.
            ConnectError, BusyError: the other database cannot be opened.
        """


class Session(Protocol):
    """One session with a database, for one thread; `for_thread` returns another session on the same database.

    An author of an engine writes `execute, fetch, columns, inspect, for_thread, interrupt, close`; `BaseSession` has
    all other methods.

    Attributes:
        name: The name of the engine.
        dialect: The name of its SQL dialect in sqlglot.
        capabilities: The capabilities of the engine.
        spelling: Renders statements.
        trace: Adds up the time of statements, and logs each of them.
        publisher: Stages and publishes relations.
        types: Renders types, and comparisons of their values.
        frames: Reads and writes frames and files.
        versions: Returns data versions, and definitions of users.
        estimates: Estimates the cost of queries.
        attachments: Renders grants, indexes and constraints.
        places: Reads relations of other profiles.
        natives: Makes lazy frames of the engine's own library.
    """

    name: str
    dialect: str
    capabilities: Capabilities
    spelling: Spelling
    trace: Trace
    publisher: Publisher
    types: Types
    frames: Frames
    versions: Versions
    estimates: Estimates
    attachments: Attachments
    places: Places
    natives: NativeFrames

    def execute(self, sql: str) -> Stats:
        """Run a statement. Raises StatementError; EngineError if it is interrupted."""

    def fetch(self, sql: str) -> list[Row]:
        """Run a query and return all its rows. Raises StatementError; EngineError if it is interrupted."""

    def columns(self, query: str) -> tuple[ColumnType, ...]:
        """Return the columns of a query without running it. Raises StatementError."""

    def inspect(self, relations: Sequence[Relation], want: Want = Want.KIND) -> Mapping[Relation, TableInfo]:
        """Describe the relations that exist, in a few queries for any number of relations.

        A stamp counts only if the relation's columns, or a view's query, are the same as when it got the stamp.
        """

    def for_thread(self) -> Session:
        """Return another session on the same database; the caller closes it."""

    def interrupt(self) -> None:
        """Cancel the running statement, from any thread; a run calls it again and again until the step has ended."""

    def close(self) -> None:
        """Close the session; the last session closes the database."""

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        """Complete a physical name with the profile's schema and catalog. Raises EngineError if a name is too long."""

    def temporary(self, name: str) -> Relation:
        """Return the relation of a temporary table of this name, which only this session sees."""

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> Stats:
        """Create a temporary table or view from a query, at `temporary(name)`; only this session sees it."""

    def names_beside(self, relation: Relation, prefix: str) -> Sequence[str]:
        """Return the names of what lies in the schema of a relation and begins so, as the database keeps them."""

    def create_schema(self, relation: Relation) -> None:
        """Create the schema of a relation, if it is missing."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit at the end of the context, or roll back if an exception leaves it.

        Without `Capabilities.transactions`, each statement is a transaction: statements that have run stay.
        """

    def hold(self, relation: Relation) -> None:
        """Lock a relation against other builds until this transaction ends; wait for the lock, and log who holds it.

        Raises:
            BusyError: another session holds the lock for too long.
        """

    def turn(self) -> AbstractContextManager[None]:
        """Keep the database while the context lasts; between two turns, another process may get and change it.

        A statement outside of a turn is a turn of its own. Raises BusyError if another process keeps it for too long.
        """

    def openings(self) -> int:
        """Count how often this process opened the database.

        With `Capabilities.one_writer_process`, no other process has changed it while the count stays the same.
        """


def open_session(name: str, settings: Mapping[str, Any], *, read_only: bool = False) -> Session:
    """Open a database with the settings of its profile. Raises the errors of `EngineSpec.connect` and `spec_of`."""
    return spec_of(name).connect(settings, read_only=read_only)
