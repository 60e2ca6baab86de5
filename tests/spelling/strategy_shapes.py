"""The statements of increments and snapshots, as strategies put them together of spelled ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from shapes import Shape

from fft_core.build.strategies import snapshot
from fft_core.build.strategies.incremental import Application, newer_rows
from fft_core.build.strategies.keys import ColumnPair, null_keys, repeated_keys
from fft_core.build.strategies.snapshot import SnapshotRows
from fft_core.engines.protocol import ColumnType
from fft_core.engines.session import StandardTypes
from fft_core.engines.spec.spelling import Spelling
from fft_core.names import Relation
from fft_core.project.model import Incremental, IncrementalStrategy, Snapshot

EVENTS, DELTA = Relation("events", "shop"), Relation("_ff_stage_events", "shop")
HISTORY, VERSIONS = Relation("history", "shop"), Relation("_ff_stage_versions", "shop")
NAMES = ("id", "at", "note")
NOW = datetime(2026, 2, 1, tzinfo=UTC)
STRATEGIES: tuple[IncrementalStrategy, ...] = ("append", "merge", "delete_insert", "insert_overwrite")


def plain(spelling: Spelling) -> StandardTypes:
    """Types whose values all have a usable `=`."""
    return StandardTypes(spelling, {})


def columns(s: Spelling) -> list[ColumnType]:
    kinds = (s.types["integer"], s.types["timestamp"], s.types["text"])
    return [ColumnType(name, kind) for name, kind in zip(NAMES, kinds, strict=True)]


def pairs(s: Spelling) -> list[ColumnPair]:
    return [ColumnPair(column.name, column.name, column.type) for column in columns(s)]


def rows(s: Spelling, *found: tuple[int, str, str]) -> str:
    """A query of some rows."""
    values = [
        (s.cast(str(number), "integer"), s.cast(s.text(at), "timestamp"), s.cast(s.text(note), "text"))
        for number, at, note in found
    ]
    queries = [
        ", ".join(f"{v} as {s.quoted(name)}" for v, name in zip(row, NAMES, strict=True)) for row in values
    ]  # fmt: skip
    return " union all ".join(f"select {query}" for query in queries)


def coming(settings: Incremental, s: Spelling) -> str:
    return f"select count(*) as v from (\n{application(s, settings).coming(EVENTS, columns(s))}\n) as _ff_q"


def count(relation: Relation) -> Callable[[Spelling], str]:
    return lambda s: f"select count(*) as v from {s.relation(relation)}"


def each(name: str, spell: Callable[[Spelling], Sequence[str]], number: int) -> Iterator[Shape]:
    """The statements of a strategy, one shape each."""
    for place in range(number):
        yield Shape(f"{name}, statement {place + 1}", partial(_statement, spell, place))


def _statement(spell: Callable[[Spelling], Sequence[str]], place: int, s: Spelling) -> str:
    return spell(s)[place]


def increment(settings: Incremental) -> Callable[[Spelling], Sequence[str]]:
    return lambda s: application(s, settings).statements(EVENTS)


def application(s: Spelling, settings: Incremental) -> Application:
    return Application(DELTA, pairs(s), plain(s), settings)


def strategy_shapes() -> Iterator[Shape]:
    """All of them, in an order in which they can be executed."""
    first, later = "2026-01-01 00:00:00", "2026-01-02 00:00:00"
    yield Shape(
        "a table of events",
        lambda s: s.create_as(EVENTS, "table", rows(s, (1, first, "a"), (2, first, "b")), replaces=False),
    )
    yield Shape(
        "rows for it",
        lambda s: s.create_as(DELTA, "table", rows(s, (2, later, "c"), (3, later, "d")), replaces=False),
    )
    yield Shape("rows without a key", lambda s: null_keys(DELTA, columns(s)[:1], s))
    yield Shape("repeated keys", lambda s: repeated_keys(DELTA, columns(s)[:1], plain(s)))
    yield Shape("only newer rows", lambda s: newer_rows(s.select_all(DELTA), pairs(s)[1:2], "3 days", EVENTS, s))
    for strategy, number, after in zip(STRATEGIES, (1, 2, 2, 2), (4, 4, 3, 3), strict=True):
        settings = Incremental(("id",), strategy, partition_by=("at",))
        yield Shape(f"what {strategy} makes of the rows", partial(coming, settings), after)
        yield from each(strategy, increment(settings), number)
        yield Shape(f"rows after {strategy}", count(EVENTS), after)
    yield from snapshot_shapes()


def snapshot_shapes() -> Iterator[Shape]:
    by_check = Snapshot(("id",), "check", check_columns=("note",), hard_deletes="invalidate", keep_last=1)
    by_time = Snapshot(("id",), "timestamp", updated_at="at")

    def given(s: Spelling, settings: Snapshot = by_check) -> SnapshotRows:
        return SnapshotRows(settings, DELTA, columns(s), NOW, plain(s))

    def versions(s: Spelling) -> snapshot.Versions:
        return snapshot.Versions(given(s), VERSIONS, pairs(s))

    def counted(applied: snapshot.Versions, s: Spelling) -> str:
        return f"select count(*) as v from (\n{applied.coming(HISTORY, columns(s))}\n) as _ff_q"

    yield Shape(
        "first versions", lambda s: s.create_as(HISTORY, "table", snapshot.first_versions(given(s)), replaces=False)
    )
    yield Shape("first versions by their own time", lambda s: snapshot.first_versions(given(s, by_time)))
    yield Shape("rows change", lambda s: s.update(DELTA, {s.quoted("note"): s.text("e")}, f"{s.quoted('id')} = 2"))
    yield Shape("a row is gone", lambda s: s.delete(DELTA, f"{s.quoted('id')} = 3"))
    yield Shape(
        "new versions",
        lambda s: s.create_as(VERSIONS, "table", snapshot.new_versions(given(s), HISTORY, pairs(s)), replaces=False),
    )
    yield Shape("new versions by their own time", lambda s: snapshot.new_versions(given(s, by_time), HISTORY, pairs(s)))
    yield Shape("late rows", lambda s: snapshot.late_rows(given(s, by_time), HISTORY, pairs(s)) or "")
    yield Shape("what a snapshot makes of its versions", lambda s: counted(versions(s), s), 2)
    yield from each("a snapshot", lambda s: versions(s).statements(HISTORY), 4)
    yield Shape("versions that are left", count(HISTORY), 2)
    yield Shape("versions that could go", lambda s: snapshot.prunable(HISTORY, columns(s)[:1], 1, plain(s)))
