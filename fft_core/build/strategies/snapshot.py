"""How the staged rows of a snapshot become new versions in its table (slowly changing dimension, type 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from fft_core.build.strategies.keys import ColumnPair, differs, is_exact, same_key
from fft_core.build.strategies.steps import Steps
from fft_core.engines.protocol import ColumnType, Types
from fft_core.engines.spec.spelling import CHANGED, Spelling, unused
from fft_core.names import Relation
from fft_core.project.model import Snapshot

UPDATED_AT, VALID_FROM, VALID_TO = "_ff_updated_at", "_ff_valid_from", "_ff_valid_to"
IS_CURRENT, HASH = "_ff_is_current", "_ff_snapshot_hash"
GIVEN, LAST, NEW = "_ff_s", "_ff_p", "_ff_v"  # what statements call the rows, the last versions and the new ones
ADDED = (UPDATED_AT, VALID_FROM, VALID_TO, IS_CURRENT, HASH)


@dataclass(frozen=True)
class SnapshotRows:
    """Staged rows of a snapshot, and the time at which they were looked at.

    Attributes:
        settings: The model's, its columns named as in the rows.
        rows: Where they are staged; their keys are complete and unique.
        columns: Their columns.
        now: In UTC.
        types: Compares values, and has the words for statements.
    """

    settings: Snapshot
    rows: Relation
    columns: Sequence[ColumnType]
    now: datetime
    types: Types

    @property
    def spelling(self) -> Spelling:
        """How the engine's statements are spelled."""
        return self.types.spelling

    @property
    def checked(self) -> tuple[str, ...]:
        """The columns that strategy check compares: as named, or all but the key."""
        keys = self.settings.unique_key
        return self.settings.check_columns or tuple(c.name for c in self.columns if c.name not in keys)

    @property
    def is_zoned(self) -> bool:
        """Whether the times of versions have a time zone."""
        updated_at = self.settings.updated_at
        own = next((c.type for c in self.columns if c.name == updated_at), None)
        return own is None or self.spelling.is_zoned(own)

    def updated_at(self, alias: str) -> str:
        """Spell when a row changed: its own column, or now."""
        if self.settings.updated_at is None:
            return self.spelling.zoned(self.now)
        return f"{alias}.{self.spelling.quoted(self.settings.updated_at)}"

    def at(self, time: str) -> str:
        """Spell a time of a version as `_ff_valid_to` holds it: a timestamp in UTC, without a zone."""
        return self.spelling.in_utc(time) if self.is_zoned else self.spelling.cast(time, "timestamp")

    def hash(self, alias: str) -> str:
        """Spell the hash as documented for FFT. Nothing is decided by it: NULL and '' have the same."""
        if self.settings.strategy == "timestamp":
            return self.spelling.cast("null", "text")
        texts = [self.spelling.cast(f"{alias}.{self.spelling.quoted(c)}", "text") for c in self.checked]
        return self.spelling.hashed([f"coalesce({text}, '')" for text in texts])

    @property
    def no_time(self) -> str:
        """Spell the end of a version that has none."""
        return self.spelling.cast("null", "timestamp")

    def key(self, columns: Sequence[ColumnPair]) -> list[ColumnPair]:
        """The pairs of the key's columns."""
        return [pair for name in self.settings.unique_key for pair in columns if pair.given == name]


def first_versions(snapshot: SnapshotRows) -> str:
    """Spell the query of a table that has one version of each row."""
    changed = snapshot.updated_at(GIVEN)
    added = (
        f"{changed} as {UPDATED_AT}, {changed} as {VALID_FROM}, {snapshot.no_time} as {VALID_TO}, "
        f"true as {IS_CURRENT}, {snapshot.hash(GIVEN)} as {HASH}"
    )
    return f"select {GIVEN}.*, {added} from {snapshot.rows.sql(snapshot.spelling)} as {GIVEN}"


def steps(snapshot: SnapshotRows, table: Relation, versions: Relation, columns: Sequence[ColumnPair]) -> Steps:
    """Spell all that is done to a table that has versions already, and the columns of the rows.

    Args:
        snapshot: The staged rows, with their columns once they are cast to the types of the table.
        table: What is changed.
        versions: The staged rows of `new_versions`.
        columns: Which column of the table gets which one of the rows.
    """
    late = late_rows(snapshot, table, columns)
    return Steps(
        counts={
            "new_versions": f"select count(*) from {versions.sql(snapshot.spelling)}",
            **({"late_rows": late} if late else {}),
        },
        statements=applied(snapshot, table, versions, columns),
    )


def new_versions(snapshot: SnapshotRows, table: Relation, columns: Sequence[ColumnPair]) -> str:
    """Spell the query of the rows that get a new version, each with the time from which it is current.

    A row gets one if its key is unknown, if the version that is current is another, or if it was closed and is there
    again. That time is never before one that is stored, so that the versions of a row never overlap.
    """
    key, types = snapshot.key(columns), snapshot.types
    groups = ", ".join(types.comparable(snapshot.spelling.quoted(c.stored), c.type) for c in key)
    newest = f"{IS_CURRENT} desc, {VALID_FROM} desc, {VALID_TO} desc"  # where none is current, all of them have an end
    rank = f"row_number() over (partition by {groups} order by {newest})"
    place = unused("_ff_rank", (column.stored for column in columns))
    stored = ", ".join([*(snapshot.spelling.quoted(column.stored) for column in columns), *ADDED])
    ranked = f"select {stored}, {rank} as {place} from {table.sql(snapshot.spelling)}"
    last = f"select * from ({ranked}) as _ff_r where {place} = 1"
    changed = snapshot.updated_at(GIVEN)
    closed = snapshot.spelling.at_utc(f"{LAST}.{VALID_TO}") if snapshot.is_zoned else f"{LAST}.{VALID_TO}"
    since = snapshot.spelling.greatest([changed, f"{LAST}.{VALID_FROM}", closed])
    return (
        f"select {GIVEN}.*, {changed} as {UPDATED_AT}, {since} as {VALID_FROM}, {snapshot.hash(GIVEN)} as {HASH}\n"
        f"from {snapshot.rows.sql(snapshot.spelling)} as {GIVEN}\n"
        f"left join ({last}) as {LAST} on {same_key(LAST, GIVEN, key, types)}\n"
        f"where {LAST}.{place} is null or not {LAST}.{IS_CURRENT} or {_is_other(snapshot, columns)}"
    )


def _is_other(snapshot: SnapshotRows, columns: Sequence[ColumnPair]) -> str:
    """Spell that a row is not the last version: values are compared, not hashes."""
    if snapshot.settings.updated_at is not None:
        return f"{snapshot.updated_at(GIVEN)} > {LAST}.{UPDATED_AT}"
    compared = [c for c in columns if c.given in snapshot.checked]
    if not snapshot.settings.check_columns:  # of equal keys, the spelling may be another
        compared += [c for c in snapshot.key(columns) if not is_exact(c, snapshot.types)]
    return " or ".join(differs(LAST, GIVEN, column, snapshot.types) for column in compared) or "false"


def late_rows(snapshot: SnapshotRows, table: Relation, columns: Sequence[ColumnPair]) -> str | None:
    """Spell a query that counts rows older than their current version; None where rows have no time of their own."""
    if snapshot.settings.updated_at is None:
        return None
    same = same_key(CHANGED, GIVEN, snapshot.key(columns), snapshot.types)
    late = f"{CHANGED}.{IS_CURRENT} and {snapshot.updated_at(GIVEN)} < {CHANGED}.{UPDATED_AT}"
    rows, stored = snapshot.rows.sql(snapshot.spelling), table.sql(snapshot.spelling)
    return f"select count(*) from {rows} as {GIVEN} join {stored} as {CHANGED} on {same} where {late}"


def applied(
    snapshot: SnapshotRows, table: Relation, versions: Relation, columns: Sequence[ColumnPair]
) -> tuple[str, ...]:
    """Spell the statements that close versions and add new ones.

    Args:
        snapshot: The staged rows.
        table: What is changed.
        versions: The staged rows of `new_versions`.
        columns: Which column of the table gets which one of the rows.
    """
    spelling, new = snapshot.spelling, f"{versions.sql(snapshot.spelling)} as {NEW}"
    key = snapshot.key(columns)
    same = same_key(CHANGED, NEW, key, snapshot.types)
    ended = {VALID_TO: snapshot.at(f"{NEW}.{VALID_FROM}"), IS_CURRENT: "false"}
    close = spelling.update_from(table, ended, new, f"{same} and {CHANGED}.{IS_CURRENT}")
    names = [*(spelling.quoted(column.stored) for column in columns), *ADDED]
    values = ", ".join(f"{NEW}.{spelling.quoted(column.given)}" for column in columns)
    added = f"{NEW}.{UPDATED_AT}, {NEW}.{VALID_FROM}, {snapshot.no_time}, true, {NEW}.{HASH}"
    insert = spelling.insert(table, names, f"select {values}, {added} from {new}")
    keep = snapshot.settings.keep_last
    stored_key = [ColumnType(column.stored, column.type) for column in key]
    prune = () if keep is None else (pruned(table, stored_key, keep, snapshot.types),)
    return (close, insert, *_closed(snapshot, table, key), *prune)


def _closed(snapshot: SnapshotRows, table: Relation, key: Sequence[ColumnPair]) -> tuple[str, ...]:
    """Close what is not in the source any more; a version from the future is closed at its own beginning."""
    if snapshot.settings.hard_deletes == "ignore":
        return ()
    spelling, same = snapshot.spelling, same_key(CHANGED, GIVEN, key, snapshot.types)
    ended = spelling.greatest([spelling.literal(snapshot.now), snapshot.at(f"{CHANGED}.{VALID_FROM}")])
    gone = f"not exists (select 1 from {snapshot.rows.sql(spelling)} as {GIVEN} where {same})"
    values = {VALID_TO: ended, IS_CURRENT: "false"}
    return (spelling.update(table, values, f"{CHANGED}.{IS_CURRENT} and {gone}"),)


def pruned(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, types: Types) -> str:
    """Spell the statement that deletes what is older than the newest versions of each key."""
    oldest, is_older = _oldest_kept(table, unique_key, keep_last, types)
    return types.spelling.delete_known(table, oldest, is_older)


def prunable(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, types: Types) -> str:
    """Spell the query that counts what `pruned` deletes."""
    oldest, is_older = _oldest_kept(table, unique_key, keep_last, types)
    return f"select count(*) from {table.sql(types.spelling)} as {CHANGED} join {oldest} on {is_older}"


def _oldest_kept(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, types: Types) -> tuple[str, str]:
    """Spell the oldest version that is kept of each key, and that a row is older.

    A version may end at the moment at which it begins; then the next one begins there, too.
    """
    age = (VALID_FROM, IS_CURRENT, UPDATED_AT)
    names = [types.spelling.quoted(column.name) for column in unique_key]
    groups = (types.comparable(name, column.type) for name, column in zip(names, unique_key, strict=True))
    rank = f"row_number() over (partition by {', '.join(groups)} order by {', '.join(f'{a} desc' for a in age)})"
    place = unused("_ff_rank", (column.name for column in unique_key))
    ranked = f"select {', '.join(names)}, {', '.join(age)}, {rank} as {place} from {table.sql(types.spelling)}"
    oldest = f"(select * from ({ranked}) as _ff_r where {place} = {keep_last}) as _ff_k"
    older = types.spelling.is_before([f"{CHANGED}.{a}" for a in age], [f"_ff_k.{a}" for a in age])
    pairs = [ColumnPair(column.name, column.name, column.type) for column in unique_key]
    return oldest, f"{same_key(CHANGED, '_ff_k', pairs, types)} and {older}"
