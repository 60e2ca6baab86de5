"""Stores the failing rows of checks in tables when the build is over, also if the build was rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from fft_core.checks.failures import failures_name
from fft_core.checks.results import CheckFailedError, CheckResult, JudgedView
from fft_core.engines.protocol import TableInfo
from fft_core.errors import FftError
from fft_core.names import Relation
from fft_core.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def keeping_failures(warehouse: Warehouse) -> Iterator[None]:
    """Store the failing rows of a CheckFailedError in tables, when it has left the context, and raise it again.

    Inside the context, the tables would be rolled back together with the stage.
    """
    try:
        yield
    except CheckFailedError as error:
        error.results = keep_failures(warehouse, error.results)
        error.views = kept_of_views(warehouse, error.views)
        raise


def kept_of_views(warehouse: Warehouse, views: Sequence[JudgedView]) -> tuple[JudgedView, ...]:
    """Store the failing rows of judged views in tables; return the views, with the tables in their results."""
    return tuple(replace(view, results=keep_failures(warehouse, view.results)) for view in views)


def keep_failures(warehouse: Warehouse, results: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Replace the tables of failing rows of these checks; return the results, with the names of the tables.

    If a table cannot be written, the result holds the reason. The build does not fail for it.
    """
    if not any(result.keeps_rows for result in results):
        return tuple(results)
    engine = warehouse.engine
    with engine.turn():
        places = {
            result.check.name: engine.relation(failures_name(warehouse.project.name, result.check))
            for result in results
            if result.keeps_rows
        }
        there = engine.inspect(list(places.values()))
        return tuple(
            _kept(warehouse, result, places[result.check.name], there) if result.keeps_rows else result
            for result in results
        )


def _kept(
    warehouse: Warehouse, result: CheckResult, place: Relation, there: Mapping[Relation, TableInfo]
) -> CheckResult:
    if isinstance(result.taken, str):
        return result
    try:
        if result.taken is None:
            _drop(warehouse, place, there)
            return result
        _write(warehouse, place, result.taken, there)
    except FftError as error:
        return replace(result, taken=error.problem.message.partition("\n")[0])
    return replace(result, taken=None, failures=str(place))


def _drop(warehouse: Warehouse, place: Relation, there: Mapping[Relation, TableInfo]) -> None:
    if place in there:
        warehouse.engine.execute(warehouse.engine.spelling.drop(place, there[place].kind))


def _write(warehouse: Warehouse, place: Relation, rows: pa.Table, there: Mapping[Relation, TableInfo]) -> None:
    engine = warehouse.engine
    warehouse.ensure_schema(place)
    with engine.frames.query(rows) as query, engine.transaction():
        _drop(warehouse, place, there)
        engine.execute(engine.spelling.create_as(place, "table", query, replaces=False))
