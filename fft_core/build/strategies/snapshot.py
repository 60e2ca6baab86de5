"""The statements that add staged rows of a snapshot to its table as versions (slowly changing dimension, type 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fft_core.build.strategies.keys import ColumnPair, differs, is_exact, same_key
from fft_core.build.strategies.steps import Steps
from fft_core.engines.changes import Change
from fft_core.engines.protocol import ColumnType, Types
from fft_core.engines.spec.spelling import CHANGED, Spelling
from fft_core.names import Relation
from fft_core.names.unused import unused
from fft_core.project.model import Snapshot

UPDATED_AT, VALID_FROM, VALID_TO = "_ff_updated_at", "_ff_valid_from", "_ff_valid_to"
IS_CURRENT, HASH = "_ff_is_current", "_ff_snapshot_hash"
GIVEN, LAST, NEW = "_ff_s", "_ff_p", "_ff_v"  # aliases of the rows, the last versions and the new ones
_AGE = (VALID_FROM, IS_CURRENT, UPDATED_AT)
ADDED = (UPDATED_AT, VALID_FROM, VALID_TO, IS_CURRENT, HASH)


@dataclass(frozen=True)
class SnapshotRows:
    """The staged rows of a snapshot, and the time of the snapshot.

    Attributes:
        settings: The settings of the model, with columns named as in the rows.
        rows: The relation that holds the staged rows; their keys are not NULL, and unique.
        columns: The columns of the rows.
        now: The time of the snapshot, in UTC.
        types: The types of the engine, which compare values and render statements.
    """

    settings: Snapshot
    rows: Relation
    columns: Sequence[ColumnType]
    now: datetime
    types: Types

    @property
    def spelling(self) -> Spelling:
        """The renderer of the engine's statements."""
        return self.types.spelling

    @property
    def checked(self) -> tuple[str, ...]:
        """The columns that the strategy "check" compares: `check_cols`, or all columns except the key."""
        keys = self.settings.unique_key
        return self.settings.check_columns or tuple(c.name for c in self.columns if c.name not in keys)

    @property
    def is_zoned(self) -> bool:
        """Whether the times of versions have a time zone."""
        updated_at = self.settings.updated_at
        own = next((c.type for c in self.columns if c.name == updated_at), None)
        return own is None or self.spelling.is_zoned(own)

    def updated_at(self, alias: str) -> str:
        """Render the time when a row changed: its `updated_at` column, or the time of the snapshot."""
        if self.settings.updated_at is None:
            return self.spelling.zoned(self.now)
        return f"{alias}.{self.spelling.quoted(self.settings.updated_at)}"

    def at(self, time: str) -> str:
        """Render a time of a version as `_ff_valid_to` holds it: a timestamp in UTC, without a zone."""
        return self.spelling.in_utc(time) if self.is_zoned else self.spelling.cast(time, "timestamp")

    def hash(self, alias: str) -> str:
        """Render the hash as documented for FFT. It is not used for comparisons: NULL and '' have the same hash."""
        if self.settings.strategy == "timestamp":
            return self.spelling.cast("null", "text")
        texts = [self.spelling.cast(f"{alias}.{self.spelling.quoted(c)}", "text") for c in self.checked]
        return self.spelling.hashed([f"coalesce({text}, '')" for text in texts])

    @property
    def no_time(self) -> str:
        """The end of a current version: a NULL of type timestamp."""
        return self.spelling.cast("null", "timestamp")

    def key(self, columns: Sequence[ColumnPair]) -> list[ColumnPair]:
        """Return the pairs of the key's columns."""
        return [pair for name in self.settings.unique_key for pair in columns if pair.given == name]


def first_versions(snapshot: SnapshotRows) -> str:
    """Render the query of the first table, which has one version of each row."""
    changed = snapshot.updated_at(GIVEN)
    added = (
        f"{changed} as {UPDATED_AT}, {changed} as {VALID_FROM}, {snapshot.no_time} as {VALID_TO}, "
        f"true as {IS_CURRENT}, {snapshot.hash(GIVEN)} as {HASH}"
    )
    return f"select {GIVEN}.*, {added} from {snapshot.rows.sql(snapshot.spelling)} as {GIVEN}"


def new_versions(snapshot: SnapshotRows, table: Relation, columns: Sequence[ColumnPair]) -> str:
    """Render the query of the rows that get a new version, each with the time at which the version begins.

    A row gets one if its key is new, if it differs from the current version, or if its last version was closed. The
    version never begins before the begin or the end of the stored one, so that versions of a row never overlap.
    """
    key, types = snapshot.key(columns), snapshot.types
    groups = ", ".join(types.comparable(snapshot.spelling.quoted(c.stored), c.type) for c in key)
    newest = f"{IS_CURRENT} desc, {VALID_FROM} desc, {VALID_TO} desc"  # if none is current, each has an end
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
    """Render the condition that a row differs from the last version. It compares values, not hashes."""
    if snapshot.settings.updated_at is not None:
        return f"{snapshot.updated_at(GIVEN)} > {LAST}.{UPDATED_AT}"
    compared = [c for c in columns if c.given in snapshot.checked]
    if not snapshot.settings.check_columns:  # equal keys may look different
        compared += [c for c in snapshot.key(columns) if not is_exact(c, snapshot.types)]
    return " or ".join(differs(LAST, GIVEN, column, snapshot.types) for column in compared) or "false"


def late_rows(snapshot: SnapshotRows, table: Relation, columns: Sequence[ColumnPair]) -> str | None:
    """Render a query that counts rows older than their current version; None if the model has no `updated_at`."""
    if snapshot.settings.updated_at is None:
        return None
    same = same_key(CHANGED, GIVEN, snapshot.key(columns), snapshot.types)
    late = f"{CHANGED}.{IS_CURRENT} and {snapshot.updated_at(GIVEN)} < {CHANGED}.{UPDATED_AT}"
    rows, stored = snapshot.rows.sql(snapshot.spelling), table.sql(snapshot.spelling)
    return f"select count(*) from {rows} as {GIVEN} join {stored} as {CHANGED} on {same} where {late}"


@dataclass(frozen=True)
class Versions:
    """Staged new versions; they are added to a table, and end its current versions.

    Attributes:
        snapshot: The staged rows, cast to the types of the table.
        new: The relation that holds the rows of `new_versions`.
        columns: The columns of the table that are written, each with the column of the rows.
    """

    snapshot: SnapshotRows
    new: Relation
    columns: Sequence[ColumnPair]

    def steps(self, table: Relation, columns_of: Callable[[Relation], Sequence[ColumnType]]) -> Steps:
        """Return all steps for a table that has versions already, and whose columns have been altered.

        Args:
            table: The table before the steps.
            columns_of: Returns the columns of a table.
        """
        late = late_rows(self.snapshot, table, self.columns)
        return Steps(
            Change(self.statements, lambda place: self.coming(place, columns_of(place))),
            counts={
                "new_versions": f"select count(*) from {self.new.sql(self._spelling)}",
                **({"late_rows": late} if late else {}),
            },
        )

    def statements(self, table: Relation) -> tuple[str, ...]:
        """Render the statements that close versions, insert new ones and delete the oldest."""
        snapshot, spelling = self.snapshot, self._spelling
        ended = {VALID_TO: self._ended, IS_CURRENT: "false"}
        close = spelling.update_from(table, ended, self._versions, f"{self._same_version} and {CHANGED}.{IS_CURRENT}")
        names = [*(spelling.quoted(column.stored) for column in self.columns), *ADDED]
        values = ", ".join([*(f"{NEW}.{spelling.quoted(c.given)}" for c in self.columns), *self._added])
        insert = spelling.insert(table, names, f"select {values} from {self._versions}")
        keep = snapshot.settings.keep_last
        prune = () if keep is None else (pruned(table, self._stored_key, keep, snapshot.types),)
        return (close, insert, *self._closed(table), *prune)

    def coming(self, table: Relation, columns: Sequence[ColumnType]) -> str:
        """Render the query of the rows that the table will hold: the effects of the statements as nested queries.

        Args:
            table: The relation with the versions before the statements.
            columns: Its columns.
        """
        own = [column for column in columns if column.name.lower() not in ADDED]
        query = self._coming_versions(table, own)
        if self.snapshot.settings.hard_deletes != "ignore":
            query = self._coming_closed(query, own)
        keep = self.snapshot.settings.keep_last
        names = [*(column.name for column in own), *ADDED]
        return query if keep is None else newest(f"(\n{query}\n)", names, self._stored_key, keep, self.snapshot.types)

    def _coming_versions(self, table: Relation, own: Sequence[ColumnType]) -> str:
        is_closed = f"{self._key_of(NEW)} is not null and {CHANGED}.{IS_CURRENT}"
        kept = self._with_ends(own, is_closed, self._ended)
        given, spelling = {pair.stored: pair.given for pair in self.columns}, self._spelling
        values = [
            f"{NEW}.{spelling.quoted(given[c.name])}" if c.name in given else spelling.cast_to("null", c.type)
            for c in own
        ]
        new = ", ".join([*values, *self._added])
        stored = f"{table.sql(spelling)} as {CHANGED}"
        return (
            f"select {kept} from {stored} left join {self._versions} on {self._same_version}\n"
            f"union all\nselect {new} from {self._versions}"
        )

    def _coming_closed(self, query: str, own: Sequence[ColumnType]) -> str:
        is_gone = f"{self._key_of(GIVEN)} is null and {CHANGED}.{IS_CURRENT}"
        rows = f"{self.snapshot.rows.sql(self._spelling)} as {GIVEN}"
        values = self._with_ends(own, is_gone, self._gone)
        return f"select {values} from (\n{query}\n) as {CHANGED} left join {rows} on {self._same_row}"

    def _with_ends(self, own: Sequence[ColumnType], is_ended: str, end: str) -> str:
        """Render all columns of a version, which ends at `end` if the condition `is_ended` holds."""
        names = [f"{CHANGED}.{self._spelling.quoted(column.name)}" for column in own]
        ends = {
            VALID_TO: f"case when {is_ended} then {end} else {CHANGED}.{VALID_TO} end as {VALID_TO}",
            IS_CURRENT: f"case when {is_ended} then false else {CHANGED}.{IS_CURRENT} end as {IS_CURRENT}",
        }
        return ", ".join([*names, *(ends.get(name, f"{CHANGED}.{name}") for name in ADDED)])

    def _closed(self, table: Relation) -> tuple[str, ...]:
        """Render the UPDATE that closes versions without a row in the source; a future version ends at its begin."""
        snapshot, spelling = self.snapshot, self._spelling
        if snapshot.settings.hard_deletes == "ignore":
            return ()
        gone = f"not exists (select 1 from {snapshot.rows.sql(spelling)} as {GIVEN} where {self._same_row})"
        ended = {VALID_TO: self._gone, IS_CURRENT: "false"}
        return (spelling.update(table, ended, f"{CHANGED}.{IS_CURRENT} and {gone}"),)

    @property
    def _spelling(self) -> Spelling:
        return self.snapshot.spelling

    @property
    def _versions(self) -> str:
        return f"{self.new.sql(self._spelling)} as {NEW}"

    @property
    def _key(self) -> list[ColumnPair]:
        return self.snapshot.key(self.columns)

    @property
    def _stored_key(self) -> list[ColumnType]:
        return [ColumnType(column.stored, column.type) for column in self._key]

    @property
    def _same_version(self) -> str:
        return same_key(CHANGED, NEW, self._key, self.snapshot.types)

    @property
    def _same_row(self) -> str:
        return same_key(CHANGED, GIVEN, self._key, self.snapshot.types)

    def _key_of(self, alias: str) -> str:
        """Render a key column of the joined rows; after a left join, it is NULL only if no row was joined."""
        return f"{alias}.{self._spelling.quoted(self._key[0].given)}"

    @property
    def _ended(self) -> str:
        """The end of a version that is followed by a new one."""
        return self.snapshot.at(f"{NEW}.{VALID_FROM}")

    @property
    def _gone(self) -> str:
        """The end of a version whose row is no longer in the source: now, but not before its begin."""
        spelling = self._spelling
        now, begun = spelling.literal(self.snapshot.now), self.snapshot.at(f"{CHANGED}.{VALID_FROM}")
        return spelling.greatest([now, begun])

    @property
    def _added(self) -> list[str]:
        """The values of a new version that are not columns of the rows, in the order of ADDED."""
        return [f"{NEW}.{UPDATED_AT}", f"{NEW}.{VALID_FROM}", self.snapshot.no_time, "true", f"{NEW}.{HASH}"]


def pruned(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, types: Types) -> str:
    """Render the statement that deletes all but the newest `keep_last` versions of each key."""
    oldest, is_older = _oldest_kept(table, unique_key, keep_last, types)
    return types.spelling.delete_known(table, oldest, is_older)


def newest(rows: str, names: Sequence[str], unique_key: Sequence[ColumnType], keep_last: int, types: Types) -> str:
    """Render the query of the versions that `pruned` keeps.

    Args:
        rows: The versions, as a text for FROM.
        names: Their columns.
        unique_key: The columns of the key.
        keep_last: The number of versions to keep of each key; others as old as the last of them are kept as well.
        types: The types of the engine, which compare values and render statements.
    """
    groups = ", ".join(types.comparable(types.spelling.quoted(c.name), c.type) for c in unique_key)
    order, place = ", ".join(f"{age} desc" for age in _AGE), unused("_ff_rank", names)
    spelled = ", ".join(types.spelling.quoted(name) for name in names)
    ranked = f"select {spelled}, rank() over (partition by {groups} order by {order}) as {place} from {rows} as _ff_q"
    return f"select {spelled} from ({ranked}) as _ff_r where {place} <= {keep_last}"


def prunable(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, types: Types) -> str:
    """Render the query that counts the versions that `pruned` deletes."""
    oldest, is_older = _oldest_kept(table, unique_key, keep_last, types)
    return f"select count(*) from {table.sql(types.spelling)} as {CHANGED} join {oldest} on {is_older}"


def _oldest_kept(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, types: Types) -> tuple[str, str]:
    """Render the query of the oldest version to keep of each key, and the condition that a version is older.

    Several columns are compared, because versions may begin at the same time: one may end when it begins.
    """
    names = [types.spelling.quoted(column.name) for column in unique_key]
    groups = (types.comparable(name, column.type) for name, column in zip(names, unique_key, strict=True))
    rank = f"row_number() over (partition by {', '.join(groups)} order by {', '.join(f'{a} desc' for a in _AGE)})"
    place = unused("_ff_rank", (column.name for column in unique_key))
    ranked = f"select {', '.join(names)}, {', '.join(_AGE)}, {rank} as {place} from {table.sql(types.spelling)}"
    oldest = f"(select * from ({ranked}) as _ff_r where {place} = {keep_last}) as _ff_k"
    older = types.spelling.is_before([f"{CHANGED}.{a}" for a in _AGE], [f"_ff_k.{a}" for a in _AGE])
    pairs = [ColumnPair(column.name, column.name, column.type) for column in unique_key]
    return oldest, f"{same_key(CHANGED, '_ff_k', pairs, types)} and {older}"
