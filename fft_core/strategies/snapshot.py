"""How the staged rows of a snapshot become new versions in its table (slowly changing dimension, type 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fft_core.engines.engine import ColumnType
from fft_core.engines.sql import literal, unused
from fft_core.names import Relation, quoted
from fft_core.project.model import Snapshot
from fft_core.strategies.columns import Adaption
from fft_core.strategies.keys import ColumnPair, Spelling, differs, is_exact, same_key
from fft_core.strategies.steps import Steps, casts_of

UPDATED_AT, VALID_FROM, VALID_TO = "_ff_updated_at", "_ff_valid_from", "_ff_valid_to"
IS_CURRENT, HASH = "_ff_is_current", "_ff_snapshot_hash"
ADDED = (UPDATED_AT, VALID_FROM, VALID_TO, IS_CURRENT, HASH)


@dataclass(frozen=True)
class SnapshotRows:
    """Staged rows of a snapshot, and the time at which they were looked at.

    Attributes:
        settings: The model's, its columns named as in the rows.
        rows: Where they are staged; their keys are complete and unique.
        columns: Their columns.
        now: In UTC.
        spelling: The engine's.
    """

    settings: Snapshot
    rows: Relation
    columns: Sequence[ColumnType]
    now: datetime
    spelling: Spelling

    @property
    def dialect(self) -> str:
        """The SQL dialect."""
        return self.spelling.dialect

    @property
    def checked(self) -> tuple[str, ...]:
        """The columns that strategy check compares: as named, or all but the key."""
        keys = self.settings.unique_key
        return self.settings.check_columns or tuple(c.name for c in self.columns if c.name not in keys)

    @property
    def is_zoned(self) -> bool:
        """Whether the times of versions have a time zone."""
        updated_at = self.settings.updated_at
        own = next((c.type for c in self.columns if c.name == updated_at), "timestamp with time zone")
        return "time zone" in own.lower().replace("without time zone", "") or own.lower() == "timestamptz"

    def updated_at(self, alias: str) -> str:
        """Spell when a row changed: its own column, or now."""
        if self.settings.updated_at is None:
            return f"cast('{self.now.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00:00' as timestamptz)"
        return f"{alias}.{quoted(self.settings.updated_at, self.dialect)}"

    def at(self, time: str) -> str:
        """Spell a time of a version as `_ff_valid_to` holds it: a timestamp in UTC, without a zone."""
        return f"({time} at time zone 'UTC')" if self.is_zoned else f"cast({time} as timestamp)"

    def hash(self, alias: str) -> str:
        """Spell the hash as documented for FFT. Nothing is decided by it: NULL and '' have the same."""
        if self.settings.strategy == "timestamp":
            return "cast(null as varchar)"
        texts = [f"coalesce(cast({alias}.{quoted(c, self.dialect)} as varchar), '')" for c in self.checked]
        # a list: no deep expression of operators, and not more arguments than a function may have
        joined = f"array_to_string(array[{', '.join(texts)}], '||')" if texts else "''"
        return f"md5({joined})"

    def key(self, columns: Sequence[ColumnPair]) -> list[ColumnPair]:
        """The pairs of the key's columns."""
        return [pair for name in self.settings.unique_key for pair in columns if pair.given == name]


def first_versions(snapshot: SnapshotRows) -> str:
    """Spell the query of a table that has one version of each row."""
    changed = snapshot.updated_at("s")
    added = (
        f"{changed} as {UPDATED_AT}, {changed} as {VALID_FROM}, cast(null as timestamp) as {VALID_TO}, "
        f"true as {IS_CURRENT}, {snapshot.hash('s')} as {HASH}"
    )
    return f"select s.*, {added} from {snapshot.rows.sql(snapshot.dialect)} as s"


def steps(
    snapshot: SnapshotRows, table: Relation, versions: str, columns: Sequence[ColumnPair], adaption: Adaption
) -> Steps:
    """Spell all that is done to a table that has versions already.

    Args:
        snapshot: The staged rows, with their columns once they are cast to the types of the table.
        table: What is changed.
        versions: The name of a temporary table for the new versions.
        columns: Which column of the table gets which one of the rows.
        adaption: What is done about columns that differ.
    """
    new = Relation(versions)
    late = late_rows(snapshot, table, columns)
    return Steps(
        casts=casts_of(snapshot.rows, adaption, snapshot.dialect),
        alterations=adaption.statements,
        staged={versions: new_versions(snapshot, table, columns)},
        counts={
            "new_versions": f"select count(*) from {new.sql(snapshot.dialect)}",
            **({"late_rows": late} if late else {}),
        },
        statements=applied(snapshot, table, new, columns),
    )


def new_versions(snapshot: SnapshotRows, table: Relation, columns: Sequence[ColumnPair]) -> str:
    """Spell the query of the rows that get a new version, each with the time from which it is current.

    A row gets one if its key is unknown, if the version that is current is another, or if it was closed and is there
    again. That time is never before one that is stored, so that the versions of a row never overlap.
    """
    key, spelling = snapshot.key(columns), snapshot.spelling
    groups = ", ".join(spelling.comparable(quoted(c.stored, snapshot.dialect), c.type) for c in key)
    newest = f"{IS_CURRENT} desc, {VALID_FROM} desc, {VALID_TO} desc"  # where none is current, all of them have an end
    rank = f"row_number() over (partition by {groups} order by {newest})"
    place = unused("_ff_rank", (column.stored for column in columns))
    stored = ", ".join([*(quoted(column.stored, snapshot.dialect) for column in columns), *ADDED])
    last = (
        f"select * from (select {stored}, {rank} as {place} from {table.sql(snapshot.dialect)}) as r where {place} = 1"
    )
    changed = snapshot.updated_at("s")
    closed = f"p.{VALID_TO} at time zone 'UTC'" if snapshot.is_zoned else f"p.{VALID_TO}"
    since = f"greatest({changed}, p.{VALID_FROM}, {closed})"
    return (
        f"select s.*, {changed} as {UPDATED_AT}, {since} as {VALID_FROM}, {snapshot.hash('s')} as {HASH}\n"
        f"from {snapshot.rows.sql(snapshot.dialect)} as s\n"
        f"left join ({last}) as p on {same_key('p', 's', key, spelling)}\n"
        f"where p._ff_rank is null or not p.{IS_CURRENT} or {_is_other(snapshot, columns)}"
    )


def _is_other(snapshot: SnapshotRows, columns: Sequence[ColumnPair]) -> str:
    """Spell that a row is not the version `p` that is stored: values are compared, not hashes."""
    if snapshot.settings.updated_at is not None:
        return f"{snapshot.updated_at('s')} > p.{UPDATED_AT}"
    compared = [c for c in columns if c.given in snapshot.checked]
    if not snapshot.settings.check_columns:  # of equal keys, the spelling may be another
        compared += [c for c in snapshot.key(columns) if not is_exact(c, snapshot.spelling)]
    return " or ".join(differs("p", "s", column, snapshot.spelling) for column in compared) or "false"


def late_rows(snapshot: SnapshotRows, table: Relation, columns: Sequence[ColumnPair]) -> str | None:
    """Spell a query that counts rows older than their current version; None where rows have no time of their own."""
    if snapshot.settings.updated_at is None:
        return None
    same = same_key("t", "s", snapshot.key(columns), snapshot.spelling)
    late = f"t.{IS_CURRENT} and {snapshot.updated_at('s')} < t.{UPDATED_AT}"
    rows, stored = snapshot.rows.sql(snapshot.dialect), table.sql(snapshot.dialect)
    return f"select count(*) from {rows} as s join {stored} as t on {same} where {late}"


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
    dialect, stored, new = snapshot.dialect, table.sql(snapshot.dialect), versions.sql(snapshot.dialect)
    key = snapshot.key(columns)
    same = same_key("t", "v", key, snapshot.spelling)
    close = (
        f"update {stored} as t set {VALID_TO} = {snapshot.at(f'v.{VALID_FROM}')}, {IS_CURRENT} = false "
        f"from {new} as v where {same} and t.{IS_CURRENT}"
    )
    names = ", ".join([*(quoted(column.stored, dialect) for column in columns), *ADDED])
    values = ", ".join(f"v.{quoted(column.given, dialect)}" for column in columns)
    added = f"v.{UPDATED_AT}, v.{VALID_FROM}, cast(null as timestamp), true, v.{HASH}"
    insert = f"insert into {stored} ({names}) select {values}, {added} from {new} as v"
    keep = snapshot.settings.keep_last
    stored_key = [ColumnType(column.stored, column.type) for column in key]
    prune = () if keep is None else (pruned(table, stored_key, keep, snapshot.spelling),)
    return (close, insert, *_closed(snapshot, table, key), *prune)


def _closed(snapshot: SnapshotRows, table: Relation, key: Sequence[ColumnPair]) -> tuple[str, ...]:
    """Close what is not in the source any more; a version from the future is closed at its own beginning."""
    if snapshot.settings.hard_deletes == "ignore":
        return ()
    same = same_key("t", "s", key, snapshot.spelling)
    now = literal(snapshot.now)
    ended = f"greatest({now}, {snapshot.at(f't.{VALID_FROM}')})"
    gone = f"not exists (select 1 from {snapshot.rows.sql(snapshot.dialect)} as s where {same})"
    stored = table.sql(snapshot.dialect)
    return (f"update {stored} as t set {VALID_TO} = {ended}, {IS_CURRENT} = false where t.{IS_CURRENT} and {gone}",)


def pruned(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, spelling: Spelling) -> str:
    """Spell the statement that deletes what is older than the newest versions of each key."""
    oldest, is_older = _oldest_kept(table, unique_key, keep_last, spelling)
    return f"delete from {table.sql(spelling.dialect)} as t using {oldest} where {is_older}"


def prunable(table: Relation, unique_key: Sequence[ColumnType], keep_last: int, spelling: Spelling) -> str:
    """Spell the query that counts what `pruned` deletes."""
    oldest, is_older = _oldest_kept(table, unique_key, keep_last, spelling)
    return f"select count(*) from {table.sql(spelling.dialect)} as t join {oldest} on {is_older}"


def _oldest_kept(
    table: Relation, unique_key: Sequence[ColumnType], keep_last: int, spelling: Spelling
) -> tuple[str, str]:
    """Spell the oldest version that is kept of each key, and that a row is older.

    A version may end at the moment at which it begins; then the next one begins there, too.
    """
    age = (VALID_FROM, IS_CURRENT, UPDATED_AT)
    names = [quoted(column.name, spelling.dialect) for column in unique_key]
    groups = (spelling.comparable(name, column.type) for name, column in zip(names, unique_key, strict=True))
    rank = f"row_number() over (partition by {', '.join(groups)} order by {', '.join(f'{a} desc' for a in age)})"
    place = unused("_ff_rank", (column.name for column in unique_key))
    ranked = f"select {', '.join(names)}, {', '.join(age)}, {rank} as {place} from {table.sql(spelling.dialect)}"
    oldest = f"(select * from ({ranked}) as r where {place} = {keep_last}) as k"
    older = f"({', '.join(f't.{a}' for a in age)}) < ({', '.join(f'k.{a}' for a in age)})"
    pairs = [ColumnPair(column.name, column.name, column.type) for column in unique_key]
    return oldest, f"{same_key('t', 'k', pairs, spelling)} and {older}"
