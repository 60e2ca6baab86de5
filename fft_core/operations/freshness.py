"""Freshness of sources: the age of the newest row, against the limits in sources.yml."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias

from fft_core.build.rows import how_to_get
from fft_core.errors import FftError, StatementError, nearest
from fft_core.names import is_plain
from fft_core.names.columns import ColumnNames
from fft_core.project.model import Source, SourceFreshness
from fft_core.warehouse.warehouse import Warehouse

FreshnessStatus: TypeAlias = Literal["pass", "warn", "error"]


@dataclass(frozen=True)
class FreshnessResult:
    """The age of a source; `problem` gives the reason if it is unknown, `code` the code of an error."""

    source: Source
    limits: SourceFreshness
    status: FreshnessStatus
    loaded_at: datetime | None = None
    age: timedelta | None = None
    problem: str | None = None
    code: str | None = None

    @property
    def said(self) -> str | None:
        """The problem, with the code of an error."""
        return f"{self.problem} [{self.code}]" if self.code else self.problem


def source_freshness(warehouse: Warehouse, source: Source, now: datetime | None = None) -> FreshnessResult:
    """Judge one source that has limits.

    A table without rows, or without times in them, is older than any limit. A table that cannot be read is an error.

    Args:
        warehouse: The session of this thread.
        source: A source with `freshness`.
        now: The time to measure against; None for the current time.

    >>> from fft_core import Run, SourceName, load_project, source_freshness
    >>> project = load_project("shop")
    >>> with Run(project, nodes={"raw_orders"}) as run:
    ...     results = [run.build(node) for node in run.order()]
    ...     with run.open(read_only=True) as warehouse:
    ...         source_freshness(warehouse, project.sources[SourceName("crm", "orders")]).status
    'warn'
    """
    limits = source.freshness
    if limits is None:
        raise FftError(f"source {source.name} has no freshness", where=source.location, code="FFT-504")
    try:
        loaded_at = _loaded_at(warehouse, source, limits)
    except FftError as error:
        return FreshnessResult(source, limits, "error", problem=error.problem.message, code=error.code)
    if loaded_at is None:
        status: FreshnessStatus = "error" if limits.error_after is not None else "warn"
        return FreshnessResult(source, limits, status, problem="no row has a time")
    age = (now or datetime.now(UTC)) - loaded_at
    return FreshnessResult(source, limits, _status(age, limits), loaded_at, age)


def _status(age: timedelta, limits: SourceFreshness) -> FreshnessStatus:
    if limits.error_after is not None and age > limits.error_after:
        return "error"
    return "warn" if limits.warn_after is not None and age > limits.warn_after else "pass"


def _loaded_at(warehouse: Warehouse, source: Source, limits: SourceFreshness) -> datetime | None:
    engine, relation = warehouse.engine, warehouse.relation(source.name)
    if relation not in engine.inspect([relation]):
        raise FftError(f"{relation} does not exist. {how_to_get(warehouse, source.name)}", code="FFT-504")
    columns = [column.name for column in engine.columns(engine.spelling.select_all(relation))]
    column = ColumnNames(columns).find(limits.loaded_at)
    if column is None and is_plain(limits.loaded_at):
        near = nearest(limits.loaded_at, columns)
        raise FftError(f"{relation} has no column {limits.loaded_at!r}" + (f". {near}" if near else ""), code="FFT-504")
    value = limits.loaded_at if column is None else engine.spelling.quoted(column)  # otherwise an expression
    try:
        ((newest,),) = engine.fetch(f"select max({value}) from {relation.sql(engine.spelling)}")
    except StatementError as error:
        raise FftError(
            f"{limits.loaded_at} cannot be read: {error.problem.message.splitlines()[0]}", code="FFT-504"
        ) from error
    return _in_utc(newest, limits.loaded_at)


def _in_utc(value: object, called: str) -> datetime | None:
    """Return a time with its zone; a time without one is in UTC, and a date is its midnight."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise FftError(f"{called} is not a time: {value!r}", code="FFT-504") from error
    if value in (datetime.max, date.max):
        raise FftError(f"{called} is not a time: 'infinity'", code="FFT-504")
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value is None:
        return None
    raise FftError(f"{called} is not a time: {value!r}", code="FFT-504")
