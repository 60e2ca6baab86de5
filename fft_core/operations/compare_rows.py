"""Comparison of two relations that one statement can read: their columns, then their rows, by a key or as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

from fft_core.engines.protocol import ColumnType, Row, Session
from fft_core.names import Relation
from fft_core.names.columns import ColumnNames, paired

HIDDEN = "***"  # shown instead of a hidden value
_HERE, _THERE = "_ff_h", "_ff_o"  # the aliases of the two sides
_NUMBER = re.compile(r"u?(tiny|small|big|huge)?int(eger)?\d*|decimal|numeric|real|double|float\d*", re.IGNORECASE)


@dataclass(frozen=True)
class Tolerance:
    """The limit for differences of numbers: absolute, or as a share of the larger number."""

    amount: float = 0.0
    is_share: bool = False


@dataclass(frozen=True)
class Comparison:
    """The settings of a comparison.

    Attributes:
        key: The columns that identify a row; without any, rows are compared as they are.
        tolerance: The limit for differences of numbers, for rows with a key.
        ignored: The columns to leave out.
        samples: The number of rows shown of each kind.
    """

    key: tuple[str, ...] = ()
    tolerance: Tolerance = field(default_factory=Tolerance)
    ignored: tuple[str, ...] = ()
    samples: int = 5


@dataclass(frozen=True)
class ChangedRow:
    """A row that both sides have with different values: its key, and each differing value there and here."""

    key: Row
    values: tuple[tuple[str, object, object], ...]


@dataclass(frozen=True)
class RowsCompared:
    """The result. `key` is empty if rows were compared as they are; `note` gives the reason, if a key was requested.

    Attributes:
        here, there: The numbers of rows of each side.
        only_here, only_there: The numbers of rows that only one side has.
        changed: The numbers of rows with the same key and different values, in all and by column.
        columns: The column names of the samples.
        columns_here, columns_there: The columns that only one side has.
        types: The columns with another type: there, and here.
    """

    here: int
    there: int
    only_here: int
    only_there: int
    changed: int
    changed_by_column: tuple[tuple[str, int], ...] = ()
    key: tuple[str, ...] = ()
    note: str = ""
    columns: tuple[str, ...] = ()
    columns_here: tuple[ColumnType, ...] = ()
    columns_there: tuple[ColumnType, ...] = ()
    types: tuple[tuple[str, str, str], ...] = ()
    rows_here: tuple[Row, ...] = ()
    rows_there: tuple[Row, ...] = ()
    rows_changed: tuple[ChangedRow, ...] = ()

    @property
    def differ(self) -> bool:
        """Whether rows differ in the columns that both sides have."""
        return bool(self.only_here or self.only_there or self.changed)


def without_values(rows: RowsCompared, hidden: Set[str]) -> RowsCompared:
    """Return the result with the values of some columns, given in small letters, hidden in all samples."""
    if not hidden:
        return rows

    def masked(names: Sequence[str], row: Row) -> Row:
        cells = zip(names, row, strict=True)
        return tuple(HIDDEN if name.lower() in hidden and cell is not None else cell for name, cell in cells)

    def changed(row: ChangedRow) -> ChangedRow:
        values = [(name, masked((name, name), (there, here))) for name, there, here in row.values]
        return ChangedRow(masked(rows.key, row.key), tuple((name, *both) for name, both in values))

    return replace(
        rows,
        rows_here=tuple(masked(rows.columns, row) for row in rows.rows_here),
        rows_there=tuple(masked(rows.columns, row) for row in rows.rows_there),
        rows_changed=tuple(map(changed, rows.rows_changed)),
    )


@dataclass(frozen=True)
class _Pair:
    """A column that both sides have."""

    here: ColumnType
    there: ColumnType

    @property
    def is_number(self) -> bool:
        return all(_is_number(column.type) for column in (self.here, self.there))


def _is_number(type: str) -> bool:
    word = re.match(r"\w+", type)
    return word is not None and _NUMBER.fullmatch(word.group()) is not None and not type.endswith("]")


def compare_relations(engine: Session, here: Relation, there: Relation, how: Comparison) -> RowsCompared:
    """Compare two relations that exist, in the columns that both have. Raises StatementError."""
    return _Sides(engine, here, there, how).compared()


class _Sides:
    """Two relations, and the columns to compare."""

    def __init__(self, engine: Session, here: Relation, there: Relation, how: Comparison) -> None:
        self._engine = engine
        self._how = how
        self._here, self._there = here.sql(engine.spelling), there.sql(engine.spelling)
        ours = {c.name: c for c in engine.columns(engine.spelling.select_all(here))}
        theirs = {c.name: c for c in engine.columns(engine.spelling.select_all(there))}
        both = paired(theirs, ours)
        left_out = {name.lower() for name in how.ignored}
        self._pairs = [_Pair(ours[own], theirs[other]) for other, own in both.items() if own.lower() not in left_out]
        self._columns_here = tuple(c for n, c in ours.items() if n not in both.values() and n.lower() not in left_out)
        self._columns_there = tuple(c for n, c in theirs.items() if n not in both and n.lower() not in left_out)

    def compared(self) -> RowsCompared:
        key, note = self._key()
        counts = [self._count(f"select count(*) from {side}") for side in (self._here, self._there)]
        types = tuple((p.here.name, p.there.type, p.here.type) for p in self._pairs if p.here.type != p.there.type)
        told = RowsCompared(
            counts[0],
            counts[1],
            0,
            0,
            0,
            note=note,
            columns=tuple(pair.here.name for pair in self._pairs),
            columns_here=self._columns_here,
            columns_there=self._columns_there,
            types=types,
        )
        if not self._pairs:
            return told
        return self._by_key(told, key) if key else self._as_they_are(told)

    def _key(self) -> tuple[list[_Pair], str]:
        """Return the columns of the key; none, and the reason, if one is missing or if rows share a key."""
        names = ColumnNames(pair.here.name for pair in self._pairs)
        found = [names.find(name) for name in self._how.key]
        missing = [name for name, there in zip(self._how.key, found, strict=True) if there is None]
        if missing:
            return [], f"compared without a key: both sides must have the column {', '.join(missing)}"
        key = [pair for pair in self._pairs if pair.here.name in found]
        for side, columns, word in (
            (self._here, [pair.here for pair in key], "here"),
            (self._there, [pair.there for pair in key], "there"),
        ):
            grouped = ", ".join(self._comparable("", column) for column in columns)
            if key and self._engine.fetch(f"select 1 from {side} group by {grouped} having count(*) > 1 limit 1"):
                said = ", ".join(column.name for column in columns)
                return [], f"compared without a key: several rows {word} have the same {said}"
        return key, ""

    def _by_key(self, told: RowsCompared, key: Sequence[_Pair]) -> RowsCompared:
        others = [pair for pair in self._pairs if pair not in key]
        same = self._same_key(key)
        joined = f"from {self._here} as {_HERE} join {self._there} as {_THERE} on {same}"
        differs = [self._differs(pair) for pair in others]
        any_differs = " or ".join(differs) or "false"
        counts = [f"coalesce(sum(case when {one} then 1 else 0 end), 0)" for one in (any_differs, *differs)]
        ((matched, changed, *by_column),) = self._engine.fetch(f"select count(*), {', '.join(counts)} {joined}")
        only_here, only_there = told.here - matched, told.there - matched
        columns = zip((pair.here.name for pair in others), map(int, by_column), strict=True)
        return replace(
            told,
            key=tuple(pair.here.name for pair in key),
            only_here=only_here,
            only_there=only_there,
            changed=int(changed),
            changed_by_column=tuple((name, count) for name, count in columns if count),
            rows_here=self._unmatched(self._here, _HERE, self._there, _THERE, same, key) if only_here else (),
            rows_there=self._unmatched(self._there, _THERE, self._here, _HERE, same, key) if only_there else (),
            rows_changed=self._changed(joined, any_differs, key, others, differs) if changed else (),
        )

    def _as_they_are(self, told: RowsCompared) -> RowsCompared:
        """Compare rows without a key; duplicates count."""
        columns = {
            _HERE: ", ".join(self._comparable("", pair.here) for pair in self._pairs),
            _THERE: ", ".join(self._comparable("", pair.there) for pair in self._pairs),
        }
        here, there = f"select {columns[_HERE]} from {self._here}", f"select {columns[_THERE]} from {self._there}"
        only = [f"({here}) except all ({there})", f"({there}) except all ({here})"]
        counts = [self._count(f"select count(*) from ({query}) as counted") for query in only]
        limit, rows = self._how.samples, list[tuple[Row, ...]]()
        for query, count in zip(only, counts, strict=True):
            shown = f"select * from ({query}) as shown order by 1 limit {limit}"
            rows.append(tuple(self._engine.fetch(shown)) if count and limit else ())
        return replace(told, only_here=counts[0], only_there=counts[1], rows_here=rows[0], rows_there=rows[1])

    def _same_key(self, key: Sequence[_Pair]) -> str:
        """Return the condition that two rows have the same key. `=` alone lets the database hash, but misses NULL."""
        has_nulls = any(self._has_nulls(side, columns) for side, columns in (
            (self._here, [pair.here for pair in key]), (self._there, [pair.there for pair in key])
        ))  # fmt: skip
        operator = "is not distinct from" if has_nulls else "="
        return " and ".join(f"{here} {operator} {there}" for here, there in map(self._comparables, key))

    def _has_nulls(self, side: str, columns: Sequence[ColumnType]) -> bool:
        conditions = " or ".join(f"{self._engine.spelling.quoted(column.name)} is null" for column in columns)
        return bool(self._engine.fetch(f"select 1 from {side} where {conditions} limit 1"))

    def _unmatched(
        self, side: str, alias: str, other: str, its: str, same: str, key: Sequence[_Pair]
    ) -> tuple[Row, ...]:
        if not self._how.samples:
            return ()
        columns = [pair.here if alias == _HERE else pair.there for pair in self._pairs]
        shown = ", ".join(f"{alias}.{self._engine.spelling.quoted(column.name)}" for column in columns)
        query = f"select {shown} from {side} as {alias} where not exists (select 1 from {other} as {its} where {same})"
        return tuple(self._engine.fetch(f"{query} order by {self._order(alias, key)} limit {self._how.samples}"))

    def _changed(
        self, joined: str, any_differs: str, key: Sequence[_Pair], others: Sequence[_Pair], differs: Sequence[str]
    ) -> tuple[ChangedRow, ...]:
        if not self._how.samples:
            return ()
        quoted = self._engine.spelling.quoted
        shown = [f"{_HERE}.{quoted(pair.here.name)}" for pair in key]
        for pair, condition in zip(others, differs, strict=True):
            shown += [condition, f"{_THERE}.{quoted(pair.there.name)}", f"{_HERE}.{quoted(pair.here.name)}"]
        query = f"select {', '.join(shown)} {joined} where {any_differs} order by {self._order(_HERE, key)}"
        rows = self._engine.fetch(f"{query} limit {self._how.samples}")
        return tuple(_changed_row(row, len(key), [pair.here.name for pair in others]) for row in rows)

    def _order(self, alias: str, key: Iterable[_Pair]) -> str:
        columns = (pair.here if alias == _HERE else pair.there for pair in key)
        return ", ".join(self._comparable(alias, column) for column in columns)

    def _differs(self, pair: _Pair) -> str:
        here, there = self._values(pair)
        tolerance = self._how.tolerance
        if not pair.is_number:
            if pair.here.type == pair.there.type:
                types = self._engine.types
                here, there = types.visible(here, pair.here.type), types.visible(there, pair.there.type)
            else:
                here, there = (self._engine.spelling.cast(value, "text") for value in (here, there))
            return f"({here} is distinct from {there})"
        if not tolerance.amount:
            return f"({here} is distinct from {there})"
        numbers = [self._engine.spelling.cast(value, "number") for value in (here, there)]
        most = repr(tolerance.amount)
        if tolerance.is_share:
            most = f"{most} * greatest(abs({numbers[0]}), abs({numbers[1]}))"
        is_close = f"coalesce(abs({numbers[0]} - {numbers[1]}) <= {most}, false)"
        return f"({here} is distinct from {there} and not {is_close})"

    def _comparables(self, pair: _Pair) -> tuple[str, str]:
        here, there = self._values(pair)
        if pair.here.type == pair.there.type or pair.is_number:
            return self._comparable(_HERE, pair.here), self._comparable(_THERE, pair.there)
        cast = self._engine.spelling.cast
        return cast(here, "text"), cast(there, "text")

    def _values(self, pair: _Pair) -> tuple[str, str]:
        quoted = self._engine.spelling.quoted
        return f"{_HERE}.{quoted(pair.here.name)}", f"{_THERE}.{quoted(pair.there.name)}"

    def _comparable(self, alias: str, column: ColumnType) -> str:
        name = self._engine.spelling.quoted(column.name)
        return self._engine.types.comparable(f"{alias}.{name}" if alias else name, column.type)

    def _count(self, query: str) -> int:
        ((count,),) = self._engine.fetch(query)
        return int(count)


def _changed_row(row: Row, keys: int, names: Sequence[str]) -> ChangedRow:
    parts = [row[keys + 3 * index : keys + 3 * index + 3] for index in range(len(names))]
    values = tuple((name, there, here) for name, (differs, there, here) in zip(names, parts, strict=True) if differs)
    return ChangedRow(row[:keys], values)
