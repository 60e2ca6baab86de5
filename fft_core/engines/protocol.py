"""What a session with an engine is: a few verbs over relations and statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from fft_core.engines.spec import Capabilities
from fft_core.engines.spec.csv_format import DEFAULT, CsvFormat
from fft_core.engines.spec.registry import spec_of
from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.trace import Trace
from fft_core.names import Relation
from fft_core.names.functions import Definition

if TYPE_CHECKING:
    import pyarrow as pa

RelationKind: TypeAlias = Literal["table", "view", "materialized_view"]
PublishMode: TypeAlias = Literal["in_place", "swap"]
Row: TypeAlias = tuple[Any, ...]  # whatever the driver gives


@dataclass(frozen=True)
class ColumnType:
    """A column of a relation as the database knows it; `type` is the engine's own spelling."""

    name: str
    type: str


@dataclass(frozen=True)
class TableInfo:
    """What exists under a relation's name; `stamp` is the mark that a build left on it, `rows` None for a view."""

    kind: RelationKind
    stamp: str | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Details:
    """What the database keeps of a relation: its comment, its columns, and the comments of columns that have one.

    The relation's comment may bear the mark of a build, see `stamp.py`. The columns of a view may be those that it had
    when it was created.
    """

    comment: str
    columns: tuple[ColumnType, ...]
    column_comments: Mapping[str, str]


class Engine(Protocol):
    """One session with a database. Use each session in one thread; `for_thread` gives another on the same database."""

    name: str
    dialect: str
    capabilities: Capabilities
    spelling: Spelling
    trace: Trace

    def relation(self, name: str, schema: str | None = None, catalog: str | None = None) -> Relation:
        """Complete a physical name with the profile's schema and catalog."""

    def temporary(self, name: str) -> Relation:
        """Name where a temporary table lies, which only this session sees."""

    def column_type(self, declared: str) -> str:
        """Spell a type that a project declares: one of FFT's words for types, or the engine's own."""

    def usable_type(self, type: str) -> str:
        """Give the type that a table's column gets for that of a query; another one if the query has only NULLs."""

    def json_value(self, value: object, type: str) -> str:
        """Spell a value of lists, mappings and what JSON has as one of a type: an array, a struct, a map, JSON."""

    def retype(self, relation: Relation, column: ColumnType) -> bool:
        """Give a column of a table another type, inside a transaction; tell False if what depends on it forbids that.

        Raises:
            StatementError: a value cannot be cast.
        """

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int | None:
        """Run a statement; give the number of rows where the engine counts them. Raises StatementError."""

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run a query and give all its rows. Raises StatementError."""

    def columns(self, sql: str) -> tuple[ColumnType, ...]:
        """Give the columns of a query without running it. Raises StatementError."""

    def kinds(self, relations: Sequence[Relation]) -> Mapping[Relation, RelationKind]:
        """Tell which of these relations exist, and as what."""

    def tables(self, relations: Sequence[Relation]) -> Mapping[Relation, TableInfo]:
        """Describe those of these relations that exist, in one or two queries however many they are."""

    def turn(self) -> AbstractContextManager[None]:
        """Keep the database while the context lasts; between two turns another process may get it and change it.

        A statement outside of a turn is one of its own. Raises BusyError where another process keeps it for too long.
        """

    def openings(self) -> int:
        """Count how often this process got the database: while the number stays, a single writer knows all changes."""

    def create_schema(self, relation: Relation) -> None:
        """Create the schema that a relation lies in, where it is missing."""

    def hold(self, relation: Relation) -> None:
        """Keep other sessions from building a relation until this transaction ends; wait, and say for whom.

        Raises:
            BusyError: another session builds it for too long.
        """

    def stage(self, relation: Relation) -> Relation:
        """Name where a relation is staged: the relation itself where the transaction is the stage."""

    def publish(self, stage: Relation, relation: Relation, mode: PublishMode | None = None) -> int | None:
        """Give the stage the relation's place, inside the transaction that made the stage.

        With a `mode`, the rows of a table are replaced in place, or it is swapped if nothing forbids it; where the
        transaction is the stage, that is no question.

        What others made of the relation (views, grants, comments, indexes) survives. Gives the bytes that a table
        holds, where the engine knows.

        Raises:
            EngineError: it cannot survive; it is named, and nothing is changed.
        """

    def stamp(self, relation: Relation, kind: RelationKind, stamp: str, columns: Sequence[ColumnType]) -> None:
        """Mark a relation, inside the transaction that publishes it.

        What replaces it by hand, or what is altered by hand to have other columns, is without the mark.
        """

    def definitions(self) -> Sequence[Definition]:
        """Read the functions, macros, types, operators and casts that users made and that SQL can use."""

    def details(self, relations: Sequence[Relation]) -> Mapping[Relation, Details]:
        """Read the details of those of these relations that exist, in a few queries however many they are."""

    def digest(self, alias: str, columns: Sequence[ColumnType], *, in_order: bool = False) -> str:
        """Spell an aggregate over whole rows of `alias`, which does not depend on their order unless it is asked for.

        Two sets of rows have the same text only where no query can tell them apart. With `in_order` they are those of a
        relation that was just made, in the order in which they were written; NULL where the engine cannot tell it.
        """

    def comparable(self, value: str, kind: str) -> str:
        """Spell a value of a type so that `=` and `group by` work on it: itself, or its text where they do not."""

    def visible(self, value: str, kind: str) -> str:
        """Spell a value of a type so that `is distinct from` tells it from what looks different, as 1.0 and 1.00."""

    def unequal(self, value: str, kind: str) -> str | None:
        """Spell another value than this one, if an UPDATE takes what is equal to the new value for no change.

        None for types of which an UPDATE writes what it is told.
        """

    def read_frame(self, sql: str) -> pa.Table:
        """Run a query and give its rows as an Arrow table."""

    def frame_query(self, frame: pa.Table) -> AbstractContextManager[str]:
        """Make the rows of a frame selectable while the context lasts; give the SELECT that reads them."""

    def file_query(
        self, path: Path, column_types: Mapping[str, str], form: CsvFormat = DEFAULT
    ) -> AbstractContextManager[str]:
        """Make the rows of a CSV or Parquet file selectable while the context lasts; give the SELECT.

        A CSV is read by `csv_file`: the columns and values are the same on every engine. If `column_types` names
        columns of one, the others are text, as documented for FFT. Raises SeedError.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """Commit at the end, or roll back when an exception leaves the context."""

    def for_thread(self) -> Engine:
        """Give another session on the same database, to be closed by the caller."""

    def interrupt(self) -> None:
        """Cancel the running statement; may be called from any thread."""

    def close(self) -> None:
        """End the session; the last one closes the database."""


def open_engine(name: str, settings: Mapping[str, Any], *, read_only: bool = False) -> Engine:
    """Open a database with the settings of its profile. Raises what `EngineSpec.connect` and `spec_of` raise."""
    return spec_of(name).connect(settings, read_only=read_only)


def details_of(comment: str | None, columns: Sequence[tuple[ColumnType, str | None]]) -> Details:
    """Put together what the database says of a relation and of each of its columns."""
    said = {column.name: text for column, text in columns if text}
    return Details(comment or "", tuple(column for column, _ in columns), said)
