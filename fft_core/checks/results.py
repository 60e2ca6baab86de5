"""Results of checks: the number of failures, the outcome, the first failing rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from fft_core.engines.protocol import Row
from fft_core.errors import FftError
from fft_core.project.model import (
    Check,
    ColumnTypes,
    Drift,
    JudgedRows,
    Outcome,
    PythonCheck,
    Recency,
    ReconcileCoverage,
    SqlCheck,
    Unique,
)

if TYPE_CHECKING:
    import pyarrow as pa

Judged: TypeAlias = Literal["published", "staged"]


@dataclass(frozen=True)
class Measured:
    """A measurement of a check, its key in the records, and the measurement of the build before, if there is one."""

    key: str
    now: float | None
    before: float | None = None
    has_before: bool = False

    @property
    def recorded(self) -> tuple[float | None, ...]:
        """The values to record: of this build, and of the one before, if there is one."""
        return (self.now, self.before) if self.has_before else (self.now,)


@dataclass(frozen=True)
class CheckResult:
    """The result of a check.

    Attributes:
        check: The check.
        failing_rows: The number of failing rows, or of other things that the rule counts.
        row_count: The number of rows of the relation.
        sql: The query that shows all failing rows.
        sample_columns: The columns of the sample.
        sample: The first failing rows; values of hidden columns are masked.
        total: The number of all that was counted: rows that `where` chooses, or other things; None if the rule counts
            nothing.
        judged: Whether the judged rows were published, or staged.
        judged_with: The node whose staged rows the checks of a view judged.
        message: The message of a function about the rows.
        said: The outcome that a function returned, if it returns more than good or bad.
        told: Metadata that the function returned, for its author.
        measured: The measurement, its key in the records, and the one before.
        seconds: The time of its query; a query that several checks share counts in full for each.
        shared_by: The number of checks that shared that query.
        taken: Failing rows to be kept in a table when the build is over; or the reason why they cannot be.
        failures: The table that keeps them.
    """

    check: Check
    failing_rows: int
    row_count: int
    sql: str
    sample_columns: tuple[str, ...] = ()
    sample: tuple[Row, ...] = ()
    total: int | None = None
    judged: Judged = "published"
    judged_with: str | None = None
    message: str = ""
    said: Outcome | None = None
    told: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)
    measured: Measured | None = None
    seconds: float = 0.0
    shared_by: int = 1
    taken: pa.Table | str | None = field(default=None, compare=False, repr=False)
    failures: str | None = None

    @property
    def keeps_rows(self) -> bool:
        """Whether the table of failing rows is to be replaced, by new ones or by none."""
        is_done = self.failures is not None or (self.taken is None and self.failing_rows > 0)
        return self.check.store_failures and not is_done

    @property
    def outcome(self) -> Outcome:
        """The outcome by the thresholds of the check, or by the verdict of a function."""
        return self.said or self.check.outcome(self.failing_rows, self.total or 0)

    @property
    def passed(self) -> bool:
        """Whether the check passes: no row fails, or no more than the thresholds allow."""
        return self.outcome == "pass"

    @property
    def blocks(self) -> bool:
        """Whether the rows must not be published."""
        return self.outcome == "fail"

    @property
    def share(self) -> float | None:
        """The failing share of all that was counted; None if nothing is counted."""
        return None if self.total is None else self.failing_rows / self.total if self.total else 0.0

    @property
    def first_row(self) -> str:
        """The first row of the sample, or the message of a function, as text; empty if no row fails."""
        if self.message and not self.sample:
            return self.message
        cells = zip(self.sample_columns, self.sample[0], strict=True) if self.sample else ()
        return ", ".join(f"{column} = {'NULL' if value is None else value}" for column, value in cells)

    @property
    def summary(self) -> str:
        """The result in a few words that fit the rule."""
        if self.measured is not None and not self.measured.has_before:
            return "passed: first build with this measure, nothing to compare with"
        if not self.failing_rows:
            return "passed"
        return f"passed: {self._found}, which is allowed" if self.passed else self._found

    @property
    def _found(self) -> str:
        match self.check.rule:
            case Drift() if self.measured is not None:
                return f"{_number(self.measured.before)} before, {_number(self.measured.now)} now"
            case Unique():
                return f"{self.failing_rows:,} value{'s occur' if self.failing_rows > 1 else ' occurs'} more than once"
            case ReconcileCoverage():
                return f"{self.failing_rows:,} key{'s are' if self.failing_rows > 1 else ' is'} missing"
            case SqlCheck():
                return f"{self.failing_rows:,} found"
            case PythonCheck() | JudgedRows():
                return self.message or "failed"
            case Recency():
                return f"{self.failing_rows:,} group{'s are' if self.failing_rows > 1 else ' is'} too old"
            case ColumnTypes():
                said = f"{self.failing_rows:,} column{'s are' if self.failing_rows > 1 else ' is'} not as declared"
                return f"{said}: {'; '.join(_broken_promise(*row) for row in self.sample)}" if self.sample else said
            case rule if rule.counts is None:  # one row with the values that were found
                return self.first_row
        return f"{self.failing_rows:,} of {self.row_count if self.total is None else self.total:,} rows fail"

    @property
    def where_kept(self) -> str:
        """The table that keeps the failing rows, or the reason why there is none; empty if none was requested."""
        if self.failures is not None:
            return f"the rows are in {self.failures}"
        return f"the failing rows could not be stored: {self.taken}" if isinstance(self.taken, str) else ""

    def __str__(self) -> str:
        return f"{self.check.name}: {self.summary}"


def _number(value: float | None) -> str:
    """Return a measure as people read it: a whole number without a fraction."""
    if value is None:
        return "NULL"
    return f"{value:,.0f}" if isfinite(value) and value == int(value) else f"{value:,.6g}"


def _broken_promise(column: Any, promised: Any, found: Any) -> str:  # Any: values of a driver
    if promised is None:
        return f"{column} ({found}) is not declared"
    return f"{column} is missing" if found is None else f"{column} is {found}, not {promised}"


@dataclass(frozen=True)
class Judgement:
    """The result of all checks of a relation, in the order of the checks, with its number of rows and their digest."""

    results: tuple[CheckResult, ...]
    row_count: int
    digest: str | None


def are_settled(results: Iterable[CheckResult]) -> bool:
    """Return whether the results hold for these rows from now on: no function said that it only warns."""
    return all(result.said != "warn" for result in results)


def measures_of(results: Iterable[CheckResult]) -> Mapping[str, tuple[float | None, ...]]:
    """Return the measurements of checks to record."""
    return {result.measured.key: result.measured.recorded for result in results if result.measured}


@dataclass(frozen=True)
class JudgedView:
    """The results of a view's blocking checks on rows of a table below it that were not published yet.

    `new_texts` names the views whose queries differ from the published ones: the view itself, or views below it.
    `old_texts` names the views whose published queries were judged, though the project has newer ones.
    """

    name: str
    results: tuple[CheckResult, ...]
    new_texts: tuple[str, ...] = ()
    old_texts: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether the rows must not be published."""
        return any(result.blocks for result in self.results)

    def __str__(self) -> str:
        failed = ", ".join(str(result) for result in self.results if result.blocks)
        new = f"; the text of {', '.join(self.new_texts)} is new: either can be the cause" if self.new_texts else ""
        old = ", ".join(self.old_texts)
        said = f"; judged with the published query of {old}: build {old} first" if old else ""
        return f"the view {self.name} ({failed}{new}{said})"


class CheckFailedError(FftError):
    """Checks of severity error failed. `results` holds all results of the node.

    `published` tells which rows failed: rows that were published before, or staged ones, which are then not published.
    `views` are those over the node whose checks judged its staged rows; if they are the reason, the node's own checks
    have passed.

    >>> from fft_core import CheckFailedError, Run, load_project
    >>> with open("shop/models/users.ff.sql", "w") as file:
    ...     changed = file.write("select 1 as id from {{ ref('raw_users') }}")
    >>> with Run(load_project("shop"), nodes={"raw_users", "users"}, path=":memory:") as run:
    ...     try:
    ...         results = [run.build(node) for node in run.order()]
    ...     except CheckFailedError as error:
    ...         print(*error.results)
    unique_id: 1 value occurs more than once
    """

    default_code = "FFT-500"
    exit_code = 2

    def __init__(
        self, node: str, results: Sequence[CheckResult], *, published: bool = False, views: Sequence[JudgedView] = ()
    ) -> None:
        self.results = tuple(results)
        self.views = tuple(views)
        self.published = published
        failed = [result for result in results if result.blocks]
        names = ", ".join(map(str, failed))
        said = f"{node} {'has bad rows' if published else 'is not published'}: {len(failed)} check(s) failed: {names}"
        if not failed:
            failed = [result for view in views for result in view.results if result.blocks]
            over = ", ".join(str(view) for view in views if view.blocks)
            said = f"{node} is not published: its rows would fail {len(failed)} check(s) of {over}"
        first = next((result.first_row for result in failed if result.first_row), "")
        super().__init__(said, where=failed[0].check.location, hint=f"The first of them: {first}" if first else None)
