"""How the rows of a model are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

IncrementalStrategy: TypeAlias = Literal["merge", "append", "delete_insert", "insert_overwrite"]
SnapshotStrategy: TypeAlias = Literal["timestamp", "check"]
PublishMode: TypeAlias = Literal["in_place", "swap"]
OnSchemaChange: TypeAlias = Literal["ignore", "fail", "append_new_columns", "sync_all_columns"]
HardDeletes: TypeAlias = Literal["ignore", "invalidate"]
# What a build leaves of the rows that are there: it replaces all, changes some, closes versions and adds new ones, or
# keeps the events that they are made of.
Keeps: TypeAlias = Literal["nothing", "rows", "history", "events"]


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
        delta_sql: The template of the rows to be applied, if the model says so by a query of its own. It is code, as
            the model's own template is.
    """

    unique_key: tuple[str, ...] = ()
    strategy: IncrementalStrategy = "merge"
    partition_by: tuple[str, ...] = ()
    updated_at: tuple[str, ...] = ()
    lookback: str | int | None = None
    on_schema_change: OnSchemaChange = "ignore"
    delta_sql: str | None = None
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


@dataclass(frozen=True)
class Sessions:
    """The rows are sessions of the events of a stream, which are kept beside them.

    Attributes:
        key: The columns that tell whose session it is.
        event_time: The column of an event's time.
        gap: Two events of a key that are no further apart, in seconds, belong to one session.
        event_id: The column that tells events of one key and time apart.
        measures: Names and aggregates of SQL over the events of a session.
        on_schema_change: What becomes of columns that the events did not have before.
    """

    key: tuple[str, ...]
    event_time: str
    gap: float
    event_id: str | None = None
    measures: tuple[tuple[str, str], ...] = ()
    on_schema_change: OnSchemaChange = "append_new_columns"
    name: Literal["sessions"] = "sessions"
    keeps: ClassVar[Keeps] = "events"


Materialization: TypeAlias = Table | View | MaterializedView | Ephemeral | Incremental | Snapshot | Sessions
