"""Which rows are equal to those that a unit test expects, and what is said of the others."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from fft_core.project.model import ExpectedRows
from fft_core.unit_tests.compare import Mismatch, compare, most_pairs, same

NOON = datetime(2025, 1, 1, 12)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (None, None),
        (1, 1),
        (1, 1.0),
        (1.0, 1),
        (1.5, Decimal("1.50")),
        (0.1, Decimal("0.1")),
        ("1.50", Decimal("1.5")),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        (True, True),
        ("a", "a"),
        (date(2025, 1, 1), date(2025, 1, 1)),
        (date(2025, 1, 1), datetime(2025, 1, 1)),
        (datetime(2025, 1, 1), date(2025, 1, 1)),
        ("2025-01-01", date(2025, 1, 1)),
        (date(2025, 1, 1), "2025-01-01"),
        ("2025-01-01T12:00:00", NOON),
        ("2025-01-01 12:00", NOON),
        (NOON, NOON.replace(tzinfo=UTC)),
        (NOON.replace(tzinfo=UTC), NOON),
        (datetime(2025, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))), NOON.replace(tzinfo=UTC)),
        ("10:30:00", time(10, 30)),
        ("00000000-0000-0000-0000-000000000001", UUID(int=1)),
        ([1, None], [1, None]),
        ({"a": 1}, {"a": 1}),
        ({"a": [1]}, '{"a": [1]}'),
    ],
)
def test_equal_cells(expected: object, found: object) -> None:
    assert same(expected, found)


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (None, 0),
        (0, None),
        ("", None),
        (None, ""),
        (1, "1"),
        ("1", 1),
        (1, True),
        (True, 1),
        (0.3, 0.1 + 0.2),
        (0.1, 0.2),
        (2, 1.7),
        ("x", Decimal(1)),
        ("A", "a"),
        (date(2025, 1, 1), NOON),
        (date(2025, 1, 1), datetime(2025, 1, 1, 0, 0, 0, 1)),
        (NOON, datetime(2025, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))),
        ("yesterday", date(2025, 1, 1)),
        (20250101, date(2025, 1, 1)),
        ([1], [1, 2]),
        (1, [1]),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, "no json"),
    ],
)
def test_cells_that_differ(expected: object, found: object) -> None:
    assert not same(expected, found)


def found_in(rows: Sequence[tuple[object, ...]], *expected: Mapping[str, object], **said: object) -> Mismatch | None:
    return compare(ExpectedRows(expected, **said), ["id", "Name", "x"], rows)  # type: ignore[arg-type]


ROWS = [(1, "a", 1.0), (2, "b", 2.0), (2, "b", 2.0)]


def test_only_the_expected_columns_count_in_any_case_and_order() -> None:
    assert found_in(ROWS, {"NAME": "b"}, {"NAME": "a"}, {"NAME": "b"}) is None
    assert found_in(ROWS, {"id": 2}, {"id": 2, "name": "b"}, {"id": 1}) is not None  # a key that is left out is NULL


def test_repeated_rows_are_counted() -> None:
    mismatch = found_in(ROWS, {"id": 1}, {"id": 2})
    assert mismatch is not None
    assert (mismatch.equal_rows, mismatch.missing, mismatch.unexpected) == (2, (), ((2,),))
    assert str(mismatch) == "rows: 2 as expected, 1 not expected"


def test_no_rows_are_expected() -> None:
    assert found_in([]) is None
    mismatch = found_in(ROWS, ignore_columns=("x",))
    assert mismatch is not None
    assert (mismatch.columns, mismatch.unexpected[0]) == (("id", "Name"), (1, "a"))


def test_other_rows_are_no_fault_of_a_subset() -> None:
    assert found_in(ROWS, {"id": 2}, subset=True) is None
    mismatch = found_in(ROWS, {"id": 3}, subset=True)
    assert mismatch is not None
    assert (mismatch.missing, mismatch.unexpected) == (((3,),), ())


def test_ignored_columns_are_not_compared() -> None:
    rows = [{"id": 1, "x": 5}, {"id": 2, "x": 5}, {"id": 2, "x": 5}]
    assert found_in(ROWS, *rows, ignore_columns=("X",)) is None
    assert found_in(ROWS, *rows) is not None


def test_a_column_that_is_not_there() -> None:
    mismatch = found_in(ROWS, {"Nam": "a"}, order_by=("when",))
    assert mismatch is not None
    assert (mismatch.unknown_columns, mismatch.hint) == (("Nam", "when"), "Did you mean 'Name'?")
    assert str(mismatch) == "the model has no column 'Nam', 'when'"


def test_numbers_that_are_about_right() -> None:
    assert found_in([(1, "a", 0.1 + 0.2)], {"x": 0.3}) is not None
    assert found_in([(1, "a", 0.1 + 0.2)], {"x": 0.3}, approx=1e-9) is None
    assert found_in([(1, "a", 1.4)], {"id": 1, "x": 1.0}, approx={"X": 0.5}) is None
    assert found_in([(1, "a", 1.4)], {"id": 1.2, "x": 1.0}, approx={"x": 0.5}) is not None
    assert found_in([(10**400, "a", 1.0)], {"id": 10**400, "x": 1}, approx=1e-9) is None  # beyond the doubles
    assert found_in([(10**400, "a", 1.0)], {"id": 1.5}, approx=1e-9) is not None
    assert found_in([(1, "a", 1e15 + 1)], {"x": 1e15}, approx=1e-9) is None  # rounding of large numbers


def test_rounded_rows_are_paired_so_that_all_fit() -> None:
    rows = [(1, "a", 1.4), (1, "a", 0.6)]
    assert found_in(rows, {"x": 1.0}, {"x": 1.5}, approx=0.5) is None


def test_rows_with_other_values_are_paired_by_likeness() -> None:
    mismatch = found_in(
        [(1, "a", 1.0), (2, "c", 2.0), (9, "z", 9.0)],
        {"id": 1, "name": "a", "x": 1},
        {"id": 2, "name": "b", "x": 2},
        {"id": 3, "name": "d", "x": 3},
    )
    assert mismatch is not None
    assert [(row.expected, row.found, row.columns) for row in mismatch.differing] == [
        ((2, "b", 2), (2, "c", 2.0), ("name",))
    ]
    assert (mismatch.missing, mismatch.unexpected) == (((3, "d", 3),), ((9, "z", 9.0),))
    assert str(mismatch) == "rows: 1 as expected, 1 with other values, 1 missing, 1 not expected"


def test_rows_with_other_values_are_paired_by_order_by() -> None:
    mismatch = found_in([(1, "b", 2.0), (3, "a", 1.0)], {"id": 1, "name": "a", "x": 1}, order_by=("ID",))
    assert mismatch is not None
    assert [row.columns for row in mismatch.differing] == [("name", "x")]
    assert mismatch.unexpected == ((3, "a", 1.0),)


def test_the_order_counts_where_it_is_asked_for() -> None:
    rows = [{"id": 2}, {"id": 1}, {"id": 2}]
    assert found_in(ROWS, *rows) is None
    mismatch = found_in(ROWS, *rows, any_order=False)
    assert mismatch is not None
    assert [(row.expected, row.found) for row in mismatch.differing] == [((2,), (1,)), ((1,), (2,))]


def test_as_many_pairs_as_there_can_be() -> None:
    for seed in range(200):
        choice = random.Random(seed)
        left, right = choice.randint(0, 5), choice.randint(0, 5)
        fits = {(i, j) for i in range(left) for j in range(right) if choice.random() < 0.4}
        pairs = most_pairs(left, right, lambda i, j: (i, j) in fits)  # noqa: B023
        assert set(pairs.items()) <= fits
        assert len(set(pairs.values())) == len(pairs)
        assert len(pairs) == largest(left, fits, frozenset())


def largest(left: int, fits: set[tuple[int, int]], taken: frozenset[int]) -> int:
    """Try everything."""
    if left == 0:
        return 0
    own = [j for i, j in fits if i == left - 1 and j not in taken]
    return max([largest(left - 1, fits, taken)] + [1 + largest(left - 1, fits, taken | {j}) for j in own])


def test_many_equal_rows_are_compared_quickly() -> None:
    rows: list[tuple[object, ...]] = [(i % 7, "a", 1.0) for i in range(2000)]
    assert found_in(rows, *({"id": i % 7} for i in reversed(range(2000)))) is None
