"""Comparison of the rows of a model with the expected rows of its unit test."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import chain

from fft_core.engines.protocol import Row
from fft_core.errors import nearest
from fft_core.names.columns import ColumnNames
from fft_core.names.numbers import WrittenNumber, read_number
from fft_core.project.model import ExpectedRows

_CLOSE = 1e-9  # relative to the number, if it need only be approximately equal


@dataclass(frozen=True)
class DifferingRow:
    """A row with other values than expected; `columns` are those that differ."""

    expected: Row
    found: Row
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Mismatch:
    """The differences between the rows of a model and the expected ones; `columns` are the columns of all rows here."""

    columns: tuple[str, ...]
    equal_rows: int
    differing: tuple[DifferingRow, ...] = ()
    missing: tuple[Row, ...] = ()
    unexpected: tuple[Row, ...] = ()
    unknown_columns: tuple[str, ...] = ()
    hint: str | None = None

    def __str__(self) -> str:
        if self.unknown_columns:
            return f"the model has no column {', '.join(map(repr, self.unknown_columns))}"
        said = [
            f"{self.equal_rows} as expected",
            *(
                f"{len(rows)} {word}"
                for rows, word in (
                    (self.differing, "with other values"),
                    (self.missing, "missing"),
                    (self.unexpected, "not expected"),
                )
                if rows
            ),
        ]
        return "rows: " + ", ".join(said)


def compare(expected: ExpectedRows, columns: Sequence[str], rows: Sequence[Row]) -> Mismatch | None:
    """Compare the rows of a model with the expected ones; return the differences, or None.

    Only the columns of the expected rows are compared. A date is the timestamp of its midnight; a timestamp without
    zone is in UTC; a text can stand for a value that YAML has no form for.

    Raises:
        AmbiguousColumnError: a name matches several columns, each in another case.
    """
    spelled = ColumnNames(columns)
    written = {spelled.find(name) or name: name for row in expected.rows for name in row}
    expected = _as_spelled(expected, columns)
    known = {name: index for index, name in enumerate(columns)}
    names = _compared(expected, columns)
    named = [*names, *expected.order_by, *(expected.approx if isinstance(expected.approx, dict) else ())]
    unknown = tuple(dict.fromkeys(name for name in named if name not in known))
    if unknown:
        hint = nearest(unknown[0], columns) or f"Its columns: {', '.join(columns)}."
        return Mismatch(names, 0, unknown_columns=unknown, hint=hint)
    shown = tuple(written.get(name, name) for name in names)
    comparison = _Comparison(shown, _tolerances(expected, names), _key_of(expected, names))
    wanted = [tuple(row.get(name) for name in names) for row in expected.rows]
    found = [tuple(row[known[name]] for name in names) for row in rows]
    mismatch = comparison.unordered(wanted, found) if expected.any_order else comparison.ordered(wanted, found)
    if expected.subset:
        mismatch = replace(mismatch, unexpected=())
    return mismatch if mismatch.differing or mismatch.missing or mismatch.unexpected else None


def same(expected: object, found: object, tolerance: float | None = None) -> bool:
    """Return whether a value of the database equals the one in a YAML file.

    >>> same(1, Decimal("1.0")), same("1", 1), same(date(2025, 1, 1), datetime(2025, 1, 1, 10))
    (True, False, False)
    """
    match found:
        case None:
            return expected is None
        case bool():
            return isinstance(expected, bool) and expected == found
        case int() | float() | Decimal():
            return _same_number(expected, found, tolerance)
        case datetime():
            return _moment(expected) == _moment(found)
        case date():
            return _moment(expected) == datetime(found.year, found.month, found.day)
        case str():
            return _same_text(expected, found)
        case list() | tuple():
            return _same_items(expected, found, tolerance)
        case dict():
            return _same_mapping(expected, found, tolerance)
    return expected is not None and str(expected) == str(found)


def _same_items(expected: object, found: Sequence[object], tolerance: float | None) -> bool:
    if not isinstance(expected, list) or len(expected) != len(found):
        return False
    return all(same(one, other, tolerance) for one, other in zip(expected, found, strict=True))


def _same_mapping(expected: object, found: Mapping[object, object], tolerance: float | None) -> bool:
    """Compare a struct, map or JSON object; keys are compared as values, as the keys of a map may be of any type."""
    if not isinstance(expected, dict) or len(expected) != len(found):
        return False
    pairs = [(next((k for k in expected if same(k, key)), key), key) for key in found]
    return all(key in expected and same(expected[key], found[other], tolerance) for key, other in pairs)


def _same_number(expected: object, found: float | Decimal, tolerance: float | None) -> bool:
    if isinstance(expected, str) and isinstance(found, Decimal):  # exact decimals are texts in YAML
        try:
            expected = Decimal(expected)
        except InvalidOperation:
            return False
    if isinstance(expected, bool) or not isinstance(expected, int | float | Decimal):
        return False
    if _is_nan(expected) or _is_nan(found):
        return _is_nan(expected) and _is_nan(found)
    if tolerance is not None:
        return _are_close(expected, found, tolerance)
    is_double = isinstance(found, float) and not isinstance(found, WrittenNumber)
    return expected == found if is_double else _exact(expected) == _exact(found)


def _exact(number: float | Decimal) -> Decimal:
    """Return a number with all digits that were written."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def _is_nan(value: float | Decimal) -> bool:
    return isinstance(value, float | Decimal) and math.isnan(value)


def _are_close(one: float | Decimal, other: float | Decimal, tolerance: float) -> bool:
    try:
        return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=tolerance)
    except OverflowError:  # an integer beyond the range of doubles
        return one == other


def _same_text(expected: object, found: str) -> bool:
    match expected:
        case str():
            return expected == found
        case date():
            return expected.isoformat() == found or str(expected) == found
        case list() | dict():  # a JSON column, which some engines return as text
            try:
                return same(expected, json.loads(found, parse_float=read_number))
            except ValueError:
                return False
    return False


def _moment(value: object) -> datetime | None:
    """Return a date or time as UTC without a zone; None for other values."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else None


def _as_spelled(expected: ExpectedRows, columns: Sequence[str]) -> ExpectedRows:
    """Return the expectation with the names of columns as the model has them. Raises AmbiguousColumnError."""
    known = ColumnNames(columns)

    def spelled(name: str) -> str:
        return known.find(name) or name

    approx = expected.approx
    return replace(
        expected,
        rows=tuple({spelled(str(name)): value for name, value in row.items()} for row in expected.rows),
        order_by=tuple(map(spelled, expected.order_by)),
        ignore_columns=tuple(map(spelled, expected.ignore_columns)),
        approx={spelled(name): limit for name, limit in approx.items()} if isinstance(approx, Mapping) else approx,
    )


def _compared(expected: ExpectedRows, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the expected rows, or all of the model if there are none, without ignored ones."""
    names = dict.fromkeys(name for row in expected.rows for name in row) or dict.fromkeys(columns)
    return tuple(name for name in names if name not in expected.ignore_columns)


def _tolerances(expected: ExpectedRows, names: Sequence[str]) -> tuple[float | None, ...]:
    approx = expected.approx
    if approx is None or isinstance(approx, int | float):
        return tuple(approx for _ in names)
    return tuple(approx.get(name) for name in names)


def _key_of(expected: ExpectedRows, names: Sequence[str]) -> tuple[int, ...]:
    return tuple(names.index(name) for name in expected.order_by if name in names)


@dataclass(frozen=True)
class _Comparison:
    """The comparison of rows with some columns; `key` are the positions of the columns that identify a row."""

    names: tuple[str, ...]
    tolerances: tuple[float | None, ...]
    key: tuple[int, ...]

    def ordered(self, wanted: Sequence[Row], found: Sequence[Row]) -> Mismatch:
        """Compare row by row."""
        both = list(zip(wanted, found, strict=False))
        differing = tuple(self._differing(row, other) for row, other in both if not self._equal(row, other))
        rest = len(both)
        return Mismatch(self.names, rest - len(differing), differing, tuple(wanted[rest:]), tuple(found[rest:]))

    def unordered(self, wanted: Sequence[Row], found: Sequence[Row]) -> Mismatch:
        """Pair as many equal rows as possible, then similar ones."""
        wanted, found = sorted(wanted, key=self._sort_key), sorted(found, key=self._sort_key)
        pairs = most_pairs(len(wanted), len(found), lambda i, j: self._equal(wanted[i], found[j]))
        missing = [row for i, row in enumerate(wanted) if i not in pairs]
        taken = set(pairs.values())
        unexpected = [row for j, row in enumerate(found) if j not in taken]
        differing = []
        for row in list(missing):
            other = self._most_alike(row, unexpected)
            if other is not None:
                differing.append(self._differing(row, other))
                missing.remove(row)
                unexpected.remove(other)
        return Mismatch(self.names, len(pairs), tuple(differing), tuple(missing), tuple(unexpected))

    def _equal(self, wanted: Row, found: Row) -> bool:
        return all(map(same, wanted, found, self.tolerances))

    def _sort_key(self, row: Row) -> tuple[tuple[int, float | Decimal, str], ...]:
        """Return a key that sorts numbers as numbers, and other values as texts; NULL comes last."""
        cells = [row[i] for i in self.key] + list(row)
        return tuple(_sorted_as(cell) for cell in cells)

    def _most_alike(self, wanted: Row, found: Sequence[Row]) -> Row | None:
        alike = (row for row in found if self._are_alike(wanted, row))
        return max(alike, key=lambda row: self._likeness(wanted, row), default=None)

    def _likeness(self, wanted: Row, found: Row) -> int:
        return sum(map(same, wanted, found, self.tolerances))

    def _are_alike(self, wanted: Row, found: Row) -> bool:
        """Return whether two rows are probably the same: by their key, or because half of the values are equal."""
        if self.key:
            return all(same(wanted[i], found[i], self.tolerances[i]) for i in self.key)
        return 2 * self._likeness(wanted, found) >= len(self.names)

    def _differing(self, wanted: Row, found: Row) -> DifferingRow:
        cells = zip(self.names, wanted, found, self.tolerances, strict=True)
        return DifferingRow(wanted, found, tuple(name for name, a, b, limit in cells if not same(a, b, limit)))


def _sorted_as(cell: object) -> tuple[int, float | Decimal, str]:
    if cell is None:
        return 2, 0.0, ""
    if isinstance(cell, int | float | Decimal) and not _is_nan(cell):
        return 0, cell, ""
    return 1, 0.0, str(cell)


def most_pairs(left: int, right: int, is_pair: Callable[[int, int], bool]) -> dict[int, int]:
    """Pair as many of `left` items as possible with one of `right` items each, by augmenting paths.

    Taking the first item that fits is not enough if numbers need only be approximately equal: 1.0 may take the 1.4 of
    1.5.
    """
    pairs: dict[int, int] = {}
    owners: dict[int, int] = {}
    for start in range(left):
        came_from: dict[int, int] = {}
        end = _free(start, right, is_pair, owners, came_from)
        if end is not None:
            _flip(end, came_from, pairs, owners)
    return pairs


def _free(
    start: int, right: int, is_pair: Callable[[int, int], bool], owners: dict[int, int], came_from: dict[int, int]
) -> int | None:
    """Find an item without a partner, along a path of items that can be exchanged."""
    queue = [start]
    for i in queue:
        here = min(i, right)
        for j in chain(range(here, right), range(here)):  # most likely it is at the same place
            if j in came_from or not is_pair(i, j):
                continue
            came_from[j] = i
            if j not in owners:
                return j
            queue.append(owners[j])
    return None


def _flip(end: int, came_from: dict[int, int], pairs: dict[int, int], owners: dict[int, int]) -> None:
    """Pair each item on a path with the one from which it was reached."""
    j: int | None = end
    while j is not None:
        i = came_from[j]
        before = pairs.get(i)
        pairs[i], owners[j] = j, i
        j = before
