"""The measures of sessions: aggregates in SQL, whose values depend only on the events and not on their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from fft_core.engines.spec.spelling import Spelling
from fft_core.engines.spec.written_sql import read_aggregate
from fft_core.errors import StreamError, nearest
from fft_core.names.columns import ColumnNames

if TYPE_CHECKING:
    from sqlglot import exp


def spelled_measures(
    measures: Mapping[str, str], columns: Sequence[str], order: Sequence[str], spelling: Spelling
) -> dict[str, str]:
    """Render measures for a query over events, by name.

    Aggregates get the events in order, because a sum of floating-point numbers depends on the order. `first(x)` and
    `last(x)` are the values of the first and the last event.

    Args:
        measures: Aggregates in SQL, in the engine's dialect, by name.
        columns: The columns of an event.
        order: The columns by which events are ordered, as SQL.
        spelling: The spelling of the engine.

    Raises:
        StreamError: a measure is not an aggregate, or names a column that no event has.
    """
    return {
        name: _spelled(name, text, tuple(columns), ", ".join(order), spelling.dialect)
        for name, text in measures.items()
    }


@cache
def columns_in(text: str, dialect: str) -> tuple[str, ...]:
    """Return the names of the columns that a measure reads; none if it cannot be read."""
    from sqlglot import exp

    try:
        return tuple(column.name for column in read_aggregate(text, dialect).find_all(exp.Column))
    except ValueError:
        return ()


@cache
def _spelled(name: str, text: str, columns: tuple[str, ...], by: str, dialect: str) -> str:
    from sqlglot import exp

    try:
        tree = read_aggregate(text, dialect)
    except ValueError as error:
        raise wrong_measure(name, text, str(error)) from error
    _quote_columns(tree, name, text, columns)
    for found in list(tree.find_all(exp.AggFunc)):
        if isinstance(found, exp.First | exp.Last):
            place = found.parent if isinstance(found.parent, exp.Filter) else found
            place.replace(_end(found, by, dialect))
        elif (ordered := _ordered(found, by, dialect)) is not None:
            found.replace(ordered)
    return _sql(tree.selects[0], dialect)


def _quote_columns(tree: object, name: str, text: str, columns: Sequence[str]) -> None:
    """Replace the names of the columns by those of the events, in quotes."""
    from sqlglot import exp

    assert isinstance(tree, exp.Expression)  # the caller has parsed it
    known = ColumnNames(columns)
    for column in tree.find_all(exp.Column):
        there = known.find(column.name)
        if there is None:
            near = nearest(column.name, columns) or f"Events have {', '.join(columns)}."
            hint = f"{near} A column that comes later is declared with its type: columns: {{{column.name}: double}}."
            raise wrong_measure(name, text, f"no event has a column {column.name!r}", hint)
        column.set("this", exp.to_identifier(there, quoted=True))
        column.set("table", None)


def _end(found: object, by: str, dialect: str) -> exp.Expr:
    """Return `first(x)` or `last(x)`, with its filter, as the value of an event."""
    import sqlglot
    from sqlglot import exp

    assert isinstance(found, exp.First | exp.Last)  # the caller has checked
    value = _sql(found.this, dialect)
    way = " desc" if isinstance(found, exp.Last) else ""
    order = ", ".join(f"{part}{way}" for part in (*by.split(", "), value))
    condition = found.parent.expression if isinstance(found.parent, exp.Filter) else None
    where = f" filter ({_sql(condition, dialect)})" if condition is not None else ""
    return sqlglot.parse_one(f"(array_agg({value} order by {order}){where})[1]", dialect=dialect)


def _ordered(found: object, by: str, dialect: str) -> object | None:
    """Return an aggregate over ordered rows; None if it stays as it is, because it does not depend on the order."""
    import sqlglot
    from sqlglot import exp

    assert isinstance(found, exp.AggFunc)  # the caller has checked
    if isinstance(found, exp.Count | exp.Max | exp.Min | exp.LogicalOr | exp.LogicalAnd) or found.find(exp.Order):
        return None
    if isinstance(found.parent, exp.WithinGroup) or found.this is None:
        return None
    text, distinct = _sql(found, dialect), found.find(exp.Distinct)
    order = f"{by}, {_sql(found.this, dialect)}"
    if distinct is not None:  # distinct values have no event: their own order is the only one
        order = ", ".join(_sql(value, dialect) for value in distinct.expressions)
    return sqlglot.parse_one(f"{text[:-1]} order by {order})", dialect=dialect) if text.endswith(")") else None


def _sql(tree: exp.Expr, dialect: str) -> str:
    from sqlglot import ErrorLevel

    return tree.sql(dialect=dialect, unsupported_level=ErrorLevel.IGNORE)  # the database says what it does not know


def wrong_measure(name: str, text: str, why: str, hint: str | None = None) -> StreamError:
    """Return the error about a measure."""
    return StreamError(f"the measure {name!r} ({text}): {why}", hint=hint, keys=("measures", name), code="FFT-804")
