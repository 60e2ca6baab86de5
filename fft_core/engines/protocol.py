"""What an engine is, once a database is open: a session, and what it publishes, reads, compares and tells with.

An author writes the seven verbs of `Session`, on top of `BaseSession` in `session.py`; each part has a ready-made form,
which is named in its docstring. `docs/guides/write-an-engine.md` makes an engine from nothing.
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
Row: TypeAlias = tuple[Any, ...]  # whatever the driver gives


@dataclass(frozen=True)
class ColumnType:
    """A column of a relation as the database knows it; `type` is the engine's own spelling."""

    name: str
    type: str


class Want(Flag):
    """What `Session.inspect` is asked for, besides the kind."""

    KIND = 0
    STAMP = auto()
    ROWS = auto()
    COLUMNS = auto()
    COMMENTS = auto()


@dataclass(frozen=True)
class TableInfo:
    """What exists under a relation's name, as far as it was asked for.

    Attributes:
        kind: What it is.
        stamp: The mark that a build left on it; None if there is none, or if the relation is another one by now.
        rows: How many rows a table or materialized view with a stamp has; None for others.
        columns: Its columns, in order. Those of a view may be what they were when it was created.
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
    """What a statement came to; None for what the engine does not tell.

    Attributes:
        rows: How many rows it wrote.
        bytes: How many bytes it processed.
        job: How the engine calls the job, for people who look it up there.
    """

    rows: int | None = None
    bytes: int | None = None
    job: str | None = None


@dataclass(frozen=True)
class Seal:
    """What becomes visible together with the rows of a stage.

    Attributes:
        stamp: The mark that is left on the relation; None leaves none.
        columns: The columns of the stage.
        record: The statements that write the record of the build.
        mode: Whether the rows of a table are replaced in place, or it is swapped; None leaves that to the engine.
        after: What is run once the relation has its rows and its name, and before its stamp: each is asked for its
            statements then, so that it can look at the relation.
    """

    stamp: str | None = None
    columns: tuple[ColumnType, ...] = ()
    record: tuple[str, ...] = ()
    mode: PublishMode | None = None
    after: tuple[After, ...] = ()


@dataclass(frozen=True)
class Sealed:
    """What is known of a relation once it is published: the bytes that its table takes, None if unknown."""

    bytes: int | None = None


class Stage(Protocol):
    """Rows that nobody else sees yet. It is used in the thread of its session, while its context lasts.

    Leaving the context without `publish` leaves the published relation as it was.
    """

    @property
    def place(self) -> Relation:
        """The relation that holds the rows, for checks."""

    def write(self, query: str, written: str | None = None) -> tuple[tuple[ColumnType, ...], Stats]:
        """Create what is staged from a query; return its columns, which all have a type and a name of their own.

        Args:
            query: The rows.
            written: The query of the user, if `query` is made around it: it has all names that must differ.

        Raises:
            StatementError: the query fails, or has two columns of one name.
        """

    def apply(self, statements: Sequence[str]) -> Stats:
        """Run statements before the rows are published. The sum of their rows is returned."""

    def alter(self, alteration: Alteration) -> None:
        """Change the columns of what is staged; `place` may be another relation then. Raises StatementError."""

    def change(self, change: Change) -> Stats:
        """Change the staged rows; `place` may be another relation then, and shows what they will be.

        Rows are counted if the change is done at once, and not only when it is published. Raises StatementError.
        """

    def retype(self, column: ColumnType) -> bool:
        """Give a column of the staged table another type; return False if what depends on it forbids that.

        Raises:
            StatementError: a value cannot be cast.
        """

    def scratch(
        self, name: str, query: str, written: str | None = None, *, kind: RelationKind = "table"
    ) -> tuple[Relation, tuple[ColumnType, ...]]:
        """Keep the rows of a query, or a view of it, beside the stage until it is published or the context ends.

        Raises what `write` raises.
        """

    def publish(self, seal: Seal) -> Sealed:
        """Make the staged rows visible under the relation's name, with their stamp and their record.

        With `Capabilities.transactions`, all of it becomes visible when the context ends, or nothing does. Without,
        rows and stamp become visible by one statement, and the record is written right after it: a crash in between
        leaves a stamp without its record, which is one build more, and never a wrong skip.

        What others made of the relation (views, grants, comments, indexes) survives, as far as the engine can.

        Raises:
            EngineError: it cannot survive; it is named, and nothing is changed.
        """


class Publisher(Protocol):
    """How rows are staged and published.

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
    ) -> AbstractContextManager[Stage]:
        """Stage rows for a relation while the context lasts; other builds of the same relation wait if they can.

        Args:
            relation: What is to be published.
            kind: As what.
            start: With which rows the stage begins: none, or those that are published, to be changed by `apply`.
            view: What shows the rows, if they are stored in a table of their own: that view is created, or replaced,
                over `relation` when the stage is published, and bears the stamp as well.
            replaces: What has the published name now, as far as the caller knows; None if nothing has.

        Raises:
            BusyError: another session builds the relation for too long.
        """


class Types(Protocol):
    """The types of an engine, and how its values are compared. Ready-made: `StandardTypes` in `types.py`."""

    @property
    def spelling(self) -> Spelling:
        """How statements are spelled."""

    def column_type(self, declared: str) -> str:
        """Spell a type that a project declares: one of FFT's words for types, or the engine's own."""

    def usable_type(self, type: str) -> str:
        """Give the type that a table's column gets for that of a query; another one if the query has only NULLs."""

    def holds_times(self, type: str) -> bool:
        """Whether the values of a type are dates or times."""

    def read_time(self, value: object) -> datetime:
        """Return a time without a zone, as `fetch` gives it, as one of Python. Raises ValueError for what is none."""

    def json_value(self, value: object, type: str) -> str:
        """Spell a value of lists, mappings and what JSON has as one of a type: an array, a struct, a map, JSON."""

    def comparable(self, value: str, kind: str) -> str:
        """Spell a value of a type so that `=` and `group by` work on it: itself, or its text if they do not."""

    def visible(self, value: str, kind: str) -> str:
        """Spell a value of a type so that `is distinct from` tells it from what looks different, as 1.0 and 1.00."""

    def unequal(self, value: str, kind: str) -> str | None:
        """Spell another value than this one, if an UPDATE takes what is equal to the new value for no change.

        None for types of which an UPDATE writes what it is told.
        """


class Frames(Protocol):
    """How frames and files become rows, and rows frames. Ready-made: `SqlFrames` in `sql_frames.py`."""

    def read(self, sql: str) -> pa.Table:
        """Run a query and return its rows as an Arrow table. Raises StatementError, EngineError."""

    def query(self, frame: pa.Table) -> AbstractContextManager[str]:
        """Make the rows of a frame selectable while the context lasts; give the SELECT that reads them.

        Raises:
            EngineError: the engine has no type for a column, or cannot hold a value.
        """

    def file_query(
        self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT
    ) -> AbstractContextManager[str]:
        """Make the rows of a CSV or Parquet file selectable while the context lasts; give the SELECT.

        A CSV is read by `csv_file`: the columns and values are the same on every engine. If `column_types` names
        columns of one, the others are text, as documented for FFT. Raises SeedError.
        """


class NativeFrames(Protocol):
    """Lazy frames of the engine's own, of which no row leaves it. Ready-made: `NoNativeFrames`."""

    def frame(self, query: str, kind: str) -> Any:  # Any: a frame of the engine's library
        """Return the rows of a query as a lazy frame.

        Args:
            query: The rows.
            kind: The name of a `FrameKind` of the spec that is native.
        """

    def is_frame(self, value: object) -> bool:
        """Whether a value is such a frame."""

    def query(self, frame: Any) -> AbstractContextManager[str]:
        """Give the SELECT of a frame's rows; what it needs is there while the context lasts.

        Raises:
            EngineError: its rows are not those of a query.
        """


class Versions(Protocol):
    """What tells two contents of a relation apart, and what else results depend on. Ready-made: `NoVersions`."""

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        """Spell an aggregate over whole rows of `alias`, which does not depend on their order unless it is asked for.

        Two sets of rows have the same text only if no query can tell them apart. With `in_order` they are those of a
        relation that was just made, in the order in which they were written; NULL if the engine cannot tell it.
        """

    def known(self, relations: Sequence[Relation]) -> Mapping[Relation, str]:
        """Ask for a text for each of these that changes whenever its rows do, in one query and without reading rows.

        What has none is left out. Asked only if `Capabilities.knows_versions`.
        """

    def definitions(self) -> Sequence[Definition]:
        """Read the functions, macros, types, operators and casts that users made and that SQL can use."""

    def change_mark(self, relations: Iterable[Relation]) -> Hashable | None:
        """Return a mark of where relations lie, found in no time, that is another one after any commit there.

        None if the engine has none, or cannot tell just now.
        """


class Attachments(Protocol):
    """Grants, indexes and constraints. Ready-made: `NoAttachments`, for engines that have none."""

    def removed(self, relation: Relation, kind: RelationKind, gone: Sequence[Attachment]) -> Sequence[str]:
        """Spell what takes declared attachments from a relation that is there; may look at the catalog."""

    def added(
        self,
        relation: Relation,
        kind: RelationKind,
        wanted: Sequence[Attachment],
        place: Callable[[str], Relation],
    ) -> Sequence[str]:
        """Spell what gives a relation those attachments that it does not have; may look at the catalog.

        Args:
            relation: It has its rows and its name.
            kind: What it is: what it cannot have is left out.
            wanted: All that is declared of it.
            place: Returns where a model or seed lies that a foreign key refers to.
        """


class Estimates(Protocol):
    """What a query will cost, before it runs. Ready-made: `NoEstimates`."""

    def bytes_of(self, sql: str) -> int | None:
        """Return how many bytes a query is expected to process; None if the engine cannot tell.

        Raises:
            StatementError: the query is wrong.
        """


class Places(Protocol):
    """What a session can read of other profiles of its engine. Ready-made: `NoPlaces`."""

    def of(self, settings: Mapping[str, Any]) -> Session:
        """Return the session as it names the relations of another profile, only to read them.

        It is the same session on the same connection, and is not closed. What has to be attached for it is attached
        read-only, and stays so while the database is open.

        Args:
            settings: Those of the other profile, as `read_settings` returned them.

        Raises:
            EngineError: one statement cannot read both places.
            ConnectError, BusyError: the other place cannot be opened.
        """


class Session(Protocol):
    """One session with a database. Use each session in one thread; `for_thread` gives another on the same database.

    `execute, fetch, columns, inspect, for_thread, interrupt, close` are what an author writes; `BaseSession` has a form
    of all others.

    Attributes:
        name: The name of the engine.
        dialect: That of its SQL, as sqlglot calls it.
        capabilities: What it can do.
        spelling: Spells statements.
        trace: Counts what statements take, and tells each of them to a logger.
        publisher: Stages and publishes relations.
        types: Spells types, and comparisons of their values.
        frames: Reads and writes frames and files.
        versions: Tells contents apart.
        estimates: Tells what queries will cost.
        attachments: Spells grants, indexes and constraints.
        places: Reads relations of other profiles.
        natives: Makes lazy frames of its own.
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
        """Describe those of these relations that exist, in a few queries however many they are.

        A stamp counts only if the relation is still made of what it was made of when it got the stamp.
        """

    def for_thread(self) -> Session:
        """Return another session on the same database, to be closed by the caller."""

    def interrupt(self) -> None:
        """Cancel the running statement, or the next one of this turn; may be called from any thread."""

    def close(self) -> None:
        """End the session; the last one closes the database."""

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        """Complete a physical name with the profile's schema and catalog. Raises EngineError if it is too long."""

    def temporary(self, name: str) -> Relation:
        """Return where a temporary table lies, which only this session sees."""

    def create_temporary(self, name: str, query: str, kind: RelationKind = "table") -> Stats:
        """Create a table, or a view, from a query that only this session sees, at `temporary(name)`."""

    def names_beside(self, relation: Relation, prefix: str) -> Sequence[str]:
        """Return the names of what lies in the schema of a relation and begins so, as the database keeps them."""

    def create_schema(self, relation: Relation) -> None:
        """Create the schema that a relation lies in, if it is missing."""

    def transaction(self) -> AbstractContextManager[None]:
        """Commit at the end, or roll back if an exception leaves the context.

        Without `Capabilities.transactions` each statement is one of its own, and what has run stays.
        """

    def hold(self, relation: Relation) -> None:
        """Keep other sessions from changing a relation until this transaction ends; wait, and say for whom.

        Raises:
            BusyError: another session holds it for too long.
        """

    def turn(self) -> AbstractContextManager[None]:
        """Keep the database while the context lasts; between two turns another process may get it and change it.

        A statement outside of a turn is one of its own. Raises BusyError if another process keeps it for too long.
        """

    def openings(self) -> int:
        """Count how often this process got the database: while the number stays, a single writer knows all changes."""


def open_session(name: str, settings: Mapping[str, Any], *, read_only: bool = False) -> Session:
    """Open a database with the settings of its profile. Raises what `EngineSpec.connect` and `spec_of` raise."""
    return spec_of(name).connect(settings, read_only=read_only)
