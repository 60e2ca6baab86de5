"""Materializations: the ways to store the rows of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

IncrementalStrategy: TypeAlias = Literal["merge", "append", "delete_insert", "insert_overwrite"]
SnapshotStrategy: TypeAlias = Literal["timestamp", "check"]
PublishMode: TypeAlias = Literal["in_place", "swap"]
OnSchemaChange: TypeAlias = Literal["ignore", "fail", "append_new_columns", "sync_all_columns"]
HardDeletes: TypeAlias = Literal["ignore", "invalidate"]
# The effect of a build on existing rows: it replaces all, changes some, closes versions and adds new ones, or keeps the
# events that the rows are made of.
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
    """The query is stored with its rows; each build computes all of them again. Not every engine supports it."""

    name: Literal["materialized_view"] = "materialized_view"
    keeps: ClassVar[Keeps] = "nothing"


@dataclass(frozen=True)
class Ephemeral:
    """Nothing is stored; the query is inlined where the model is referred to."""

    name: Literal["ephemeral"] = "ephemeral"
    keeps: ClassVar[Keeps] = "nothing"


@dataclass(frozen=True)
class Incremental:
    """The rows are stored, and a build changes some of them instead of replacing all.

    Attributes:
        unique_key: The columns that identify a row.
        strategy: The way in which new rows are combined with existing rows.
        partition_by: With insert_overwrite: the columns whose values are replaced as a whole.
        updated_at: The columns with the time of the last change of a row.
        lookback: Keep only rows of the delta that are newer than the newest stored row minus this: an interval ("3
            days"), or a number for numeric columns. None: the model filters new rows itself.
        on_schema_change: The treatment of columns that only the table has, or only the rows have.
        delta_sql: The template of a separate query for the rows to apply, if the model has one. It counts as code, like
            the model's own template.
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
    """All versions of each row are stored, with the time span in which each version was current.

    Attributes:
        unique_key: The columns that identify a row.
        strategy: The way to recognise a new version: a newer `updated_at` (timestamp), or different values (check).
        updated_at: With timestamp: the column with the time of the last change of a row.
        check_columns: With check: the columns to compare; empty: all.
        hard_deletes: Whether versions of rows that disappeared from the source are closed.
        keep_last: The number of versions of a row to keep; None: all.
        on_schema_change: The treatment of columns that the table lacks.
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
    """The rows are sessions of the events of a stream; the events are stored beside them.

    Attributes:
        key: The columns that identify the owner of a session.
        event_time: The column of an event's time.
        gap: The longest pause within a session, in seconds: a longer one begins the next session of the key.
        event_id: The column that distinguishes events of the same key and time.
        measures: The measures of a session, by name: SQL aggregates over its events.
        on_schema_change: The treatment of columns that earlier events did not have.
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
