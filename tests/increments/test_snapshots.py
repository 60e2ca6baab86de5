"""Snapshots against a small model in plain Python, and what else is promised of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sweeps import examples
from targets import Target
from workbench import EVENTS, Bench, bench

from fft_core import FftError


@pytest.fixture
def shop(target: Target) -> Iterator[Bench]:
    with bench(target) as made:
        yield made


COLUMNS = {"id": "integer", "val": "varchar", "ts": "timestamp"}
QUERY = f"select id, val, ts from {EVENTS} as e"
TIMESTAMP = "materialized='snapshot', unique_key='id', snapshot={'strategy': 'timestamp', 'updated_at': 'ts'%s}"
CHECK = "materialized='snapshot', unique_key='id', snapshot={'strategy': 'check', 'check_cols': %s}"
START = datetime(2024, 1, 1)
MANY = settings(max_examples=examples(3, 30), deadline=None, suppress_health_check=list(HealthCheck), database=None)
ROWS = st.dictionaries(st.integers(0, 3), st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 9)), max_size=4)
RUNS = st.lists(ROWS, min_size=2, max_size=6)
Source = dict[int, tuple[str | None, int]]  # value and minute, by id


@dataclass
class Version:
    """One version; `until` is None while it is current."""

    val: str | None
    changed: datetime
    since: datetime
    until: datetime | None = None


class Reference:
    """What a snapshot should hold."""

    def __init__(self, strategy: str, hard_deletes: bool, keep_last: int | None) -> None:
        self.by_time, self.hard_deletes, self.keep_last = strategy == "timestamp", hard_deletes, keep_last
        self.versions: dict[int, list[Version]] = {}

    def see(self, source: Source, now: datetime) -> None:
        for key, (val, minute) in source.items():
            self._see_row(self.versions.setdefault(key, []), val, START + timedelta(minutes=minute), now)
        for key, versions in self.versions.items():
            if self.hard_deletes and key not in source and versions[-1].until is None:
                versions[-1].until = now
            if self.keep_last:
                del versions[: -self.keep_last]

    def _see_row(self, versions: list[Version], val: str | None, ts: datetime, now: datetime) -> None:
        last, changed = (versions[-1] if versions else None), ts if self.by_time else now
        if last is None:
            versions.append(Version(val, changed, changed))
        elif last.until is not None:  # it was deleted, and is there again
            versions.append(Version(val, changed, max(changed, last.until)))
        elif changed > last.changed if self.by_time else val != last.val:
            last.until = max(changed, last.since)
            versions.append(Version(val, changed, last.until))

    def rows(self) -> list[tuple[object, ...]]:
        return sorted(
            [(k, v.val, v.changed, v.since, v.until, v.until is None) for k, vs in self.versions.items() for v in vs],
            key=repr,
        )


def stored(shop: Bench) -> list[tuple[object, ...]]:
    """The versions, their times in UTC without a zone."""
    found = shop.rows("select id, val, _ff_updated_at, _ff_valid_from, _ff_valid_to, _ff_is_current from m")
    return [tuple(map(_without_zone, row)) for row in found]


def _without_zone(value: object) -> object:
    is_zoned = isinstance(value, datetime) and value.tzinfo is not None
    return value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) and is_zoned else value


def fill(shop: Bench, source: Source) -> None:
    shop.fill(COLUMNS, [(key, val, START + timedelta(minutes=minute)) for key, (val, minute) in source.items()])


def said_now(rows: list[tuple[object, ...]], since: datetime) -> datetime:
    """The one time in the table that is not before the build: what it took for now."""
    found = {v for row in rows for v in row[2:5] if isinstance(v, datetime) and v >= since}
    assert len(found) <= 1
    return found.pop() if found else since


@pytest.mark.parametrize("strategy", ["timestamp", "check"])
@given(runs=RUNS, hard_deletes=st.booleans(), keep_last=st.sampled_from([None, None, 1, 2]))
@example(runs=[{0: ("a", 0)}, {}, {0: ("a", 0)}, {0: ("a", 1)}], hard_deletes=True, keep_last=1)  # one without duration
@MANY
def test_versions_are_those_of_the_reference(
    target: Target, strategy: str, runs: list[Source], hard_deletes: bool, keep_last: int | None
) -> None:
    """Values change with and without a newer time, times go back, rows vanish and come again."""
    said: dict[str, object] = {"hard_deletes": "invalidate" if hard_deletes else "ignore"}
    said |= {"keep_last": keep_last} if keep_last else {}
    by_time: dict[str, object] = {"strategy": "timestamp", "updated_at": "ts"}
    said |= by_time if strategy == "timestamp" else {"strategy": "check", "check_cols": ["val"]}
    with bench(target) as shop:
        shop.model(f"materialized='snapshot', unique_key='id', snapshot={said}", QUERY)
        reference = Reference(strategy, hard_deletes, keep_last)
        for source in runs:
            fill(shop, source)
            before = datetime.now(UTC).replace(tzinfo=None)
            shop.build()
            found = stored(shop)
            reference.see(source, said_now(found, before))
            assert found == reference.rows()
            again = shop.build(cache="wo")["m"]  # the same input once more
            assert again.decision.is_increment
            assert stored(shop) == found
            assert not shop.plan().builds


def test_the_columns_are_those_of_fft(shop: Bench) -> None:
    shop.model(TIMESTAMP % "", f"select id, val, cast(ts as date) as ts from {EVENTS}")
    shop.model(CHECK % "['val']", f"select id, val from {EVENTS}", name="c")
    fill(shop, {1: ("a", 0), 2: (None, 0)})
    shop.build()
    added = ["_ff_updated_at", "_ff_valid_from", "_ff_valid_to", "_ff_is_current", "_ff_snapshot_hash"]
    assert list(shop.columns()) == ["id", "val", "ts", *added]
    assert list(shop.columns("c")) == ["id", "val", *added]
    assert shop.columns()["_ff_valid_from"] == shop.columns()["ts"]
    assert shop.rows("select distinct _ff_snapshot_hash from m") == [(None,)]
    assert shop.rows("select id, _ff_snapshot_hash from c") == [
        (1, "0cc175b9c0f1b6a831c399e269772661"),  # md5 of a
        (2, "d41d8cd98f00b204e9800998ecf8427e"),  # md5 of nothing
    ]


def test_check_sees_what_the_hash_does_not(shop: Bench) -> None:
    shop.model(CHECK % "'all'", f"select id, val, coalesce(val, '') as b from {EVENTS}")
    for val in (None, "", None):
        fill(shop, {1: (val, 0)})
        shop.build()
    assert shop.rows("select val from m") == [("",), (None,), (None,)]
    assert len(set(shop.rows("select _ff_snapshot_hash from m"))) == 1


def test_a_table_of_the_original_is_continued(shop: Bench) -> None:
    """Its versions stay; what did not change gets no new one."""
    shop.model(CHECK % "['val']", QUERY)
    shop.warehouse.engine.execute(
        "create table m as select 1 as id, 'a' as val, cast('2024-01-01' as timestamp) as ts, "
        "cast('2024-01-01 00:00:00+00:00' as timestamptz) as _ff_updated_at, "
        "cast('2024-01-01 00:00:00+00:00' as timestamptz) as _ff_valid_from, "
        "cast(null as timestamp) as _ff_valid_to, true as _ff_is_current, 'some hash' as _ff_snapshot_hash"
    )
    fill(shop, {1: ("a", 0)})
    assert shop.why().startswith("build increment: no build is recorded; existing versions stay")
    shop.build()
    assert shop.rows("select val, _ff_is_current from m") == [("a", True)]
    fill(shop, {1: ("b", 0)})
    shop.build()
    assert shop.rows("select val, _ff_is_current from m") == [("a", False), ("b", True)]


def test_late_rows_are_counted_and_rewrite_nothing(shop: Bench) -> None:
    shop.model(TIMESTAMP % "", QUERY)
    fill(shop, {1: ("new", 5), 2: ("x", 0)})
    shop.build()
    fill(shop, {1: ("old", 3), 2: ("y", 1)})
    result = shop.build()["m"]
    assert vars(result)["changes"] == {"new_versions": 1, "late_rows": 1}
    assert shop.rows("select id, val, _ff_is_current from m") == [(1, "new", True), (2, "x", False), (2, "y", True)]


def test_values_of_another_type_are_compared_as_the_table_has_them(shop: Bench) -> None:
    shop.model(CHECK % "['val']", QUERY)
    shop.fill(COLUMNS, [(1, "1", START), (2, "x", START)])
    shop.build()
    shop.model(CHECK % "['val']", f"select id, id as val, ts from {EVENTS}")
    for _ in range(2):
        shop.build(cache="wo")
        assert shop.rows("select id, val, _ff_is_current from m") == [(1, "1", True), (2, "2", True), (2, "x", False)]


def test_new_columns_are_added_and_old_versions_are_null_there(shop: Bench) -> None:
    shop.model(CHECK % "'all'", f"select id, val from {EVENTS}")
    fill(shop, {1: ("a", 0)})
    shop.build()
    shop.model(CHECK % "'all'", f"select id, val, 7 as extra from {EVENTS}")
    shop.build()
    assert shop.rows("select val, extra, _ff_is_current from m") == [("a", 7, True), ("a", None, False)]
    assert not shop.plan().builds


def test_hidden_history_is_not_refreshed_by_a_glob(shop: Bench) -> None:
    shop.model(CHECK % "'all'", f"select id, val from {EVENTS}")
    shop.model("materialized='incremental', unique_key='id'", f"select id, val from {EVENTS}", name="other")
    for val in "ab":
        fill(shop, {1: (val, 0)})
        shop.build()
    assert [d.name for d in shop.plan(full_refresh=["*"]).builds] == ["other"]
    shop.build(full_refresh=["*"])
    assert len(shop.rows()) == 2
    shop.build(full_refresh=["m"])
    assert shop.rows("select val from m") == [("b",)]


@pytest.mark.parametrize(
    ("config", "query", "rows", "message"),
    [
        (
            CHECK % "['val']",
            QUERY,
            [(1, "a", START), (1, "b", START), (2, "c", START)],
            "occur more than once: 1, such as id = 1 (2 times) [FFT-432]",
        ),
        (
            CHECK % "['val']",
            QUERY,
            [(None, "a", START)],
            "rows with NULL in unique_key (id): 1, such as id = NULL [FFT-432]",
        ),
        (
            TIMESTAMP % "",
            QUERY,
            [(1, "a", None)],
            "NULL in the columns that must be set (ts): 1, such as ts = NULL [FFT-432]",
        ),
        (
            CHECK % "['vall']",
            QUERY,
            [],
            "its check_cols 'vall' is not one of its columns [FFT-430]\n    hint: Did you mean 'val'?",
        ),
        (TIMESTAMP % "", f"select id from {EVENTS}", [], "its updated_at 'ts' is not one of its columns [FFT-430]"),
        (TIMESTAMP % "", f"select id, val as ts from {EVENTS}", [], "not a date or timestamp [FFT-430]"),
        (
            CHECK % "'all'",
            f"select id, val as _ff_valid_to from {EVENTS}",
            [],
            "which is the name of a column that a snapshot adds",
        ),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_what_cannot_be_versioned_is_refused(
    shop: Bench, config: str, query: str, rows: list[tuple[object, ...]], message: str, is_first: bool
) -> None:
    before = []
    if not is_first:
        shop.model(config.replace("vall", "val"), QUERY)
        fill(shop, {5: ("z", 0)})
        shop.build()
        before = shop.rows()
    shop.model(f"\n  {config}", query)
    shop.fill(COLUMNS, rows)
    with pytest.raises(FftError) as caught:
        shop.build()
    assert message in str(caught.value)
    assert str(caught.value).startswith("models/m.ff.sql:1: model 'm': ")
    relation = shop.warehouse.relation("m")
    assert (shop.rows() if shop.warehouse.engine.inspect([relation]) else []) == before


def test_a_table_that_is_no_snapshot_is_left_alone(shop: Bench) -> None:
    shop.model("", QUERY)
    fill(shop, {1: ("a", 0)})
    shop.build()
    shop.model(TIMESTAMP % "", QUERY)
    with pytest.raises(FftError, match="exists and is not a snapshot: it has no column _ff_updated_at"):
        shop.build()
    assert len(shop.columns()) == 3
    shop.build(full_refresh=["m"])
    assert shop.rows("select val, _ff_is_current from m") == [("a", True)]


def test_a_python_snapshot(shop: Bench) -> None:
    code = """\
        from fft_core import model, source

        @model(deps=[source("raw", "events")], materialized="snapshot", unique_key="id",
               snapshot={"strategy": "check", "check_cols": ["val"]})
        def m(events):
            return events[["id", "val"]]
        """
    shop.write({"models/m.ff.py": code})
    for val in "ab":
        fill(shop, {1: (val, 0)})
        shop.build()
    assert shop.rows("select val, _ff_is_current from m") == [("a", False), ("b", True)]
