"""What checks have found: how much fails, what that means, which rows were looked at, and the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """What a check has measured, called `key` in the records, and what was measured of the build before, if it was."""

    key: str
    now: float | None
    before: float | None = None
    has_before: bool = False

    @property
    def recorded(self) -> tuple[float | None, ...]:
        """What is kept: the value of this build, and that of the one before, if there is one."""
        return (self.now, self.before) if self.has_before else (self.now,)


@dataclass(frozen=True)
class CheckResult:
    """What a check found.

    Attributes:
        check: The check.
        failing_rows: How many rows fail, or how many of what the rule counts.
        row_count: How many rows the relation has.
        sql: The query that shows them all.
        sample_columns: What the first of them have.
        sample: The first of them; values of hidden columns are masked.
        total: Of how many they are: rows that `where` chooses, or what the rule counts; None if it counts nothing.
        judged: Whether the rows were published when it judged them, or staged.
        judged_with: What was built when it judged the rows of a view, which were not published yet.
        message: What a function said of them.
        said: What a function said that it means, if it tells more than whether they are good.
        told: What it wants told with that, for who made it.
        measured: What it has measured, with its key in the records, and what was there before.
        seconds: How long its query took; one that it shares with others is told in full.
        shared_by: How many checks shared that query.
        taken: Failing rows that are to be kept in a table when the build is over; or why they cannot be.
        failures: The table in which they are kept.
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
        """Whether the table of its failing rows is to be replaced: by others, or if none fails by none."""
        is_done = self.failures is not None or (self.taken is None and self.failing_rows > 0)
        return self.check.store_failures and not is_done

    @property
    def outcome(self) -> Outcome:
        """What it means, by the thresholds of the check, or by what a function said."""
        return self.said or self.check.outcome(self.failing_rows, self.total or 0)

    @property
    def passed(self) -> bool:
        """Whether no row fails, or not more than may."""
        return self.outcome == "pass"

    @property
    def blocks(self) -> bool:
        """Whether the rows must not be published."""
        return self.outcome == "fail"

    @property
    def share(self) -> float | None:
        """Which part of what is counted fails; None if nothing is counted."""
        return None if self.total is None else self.failing_rows / self.total if self.total else 0.0

    @property
    def first_row(self) -> str:
        """The first row of the sample, or what a function said, as text; empty where no row offends."""
        if self.message and not self.sample:
            return self.message
        cells = zip(self.sample_columns, self.sample[0], strict=True) if self.sample else ()
        return ", ".join(f"{column} = {'NULL' if value is None else value}" for column, value in cells)

    @property
    def summary(self) -> str:
        """What was found, in a few words that fit the rule."""
        if self.measured is not None and not self.measured.has_before:
            return "passed: the first build that measures it, there is nothing to compare with"
        if not self.failing_rows:
            return "passed"
        return f"passed: {self._found}, which may be" if self.passed else self._found

    @property
    def _found(self) -> str:
        match self.check.rule:
            case Drift() if self.measured is not None:
                return f"{self.measured.before} before, {self.measured.now} now"
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
                said = f"{self.failing_rows:,} column{'s are' if self.failing_rows > 1 else ' is'} not as promised"
                return f"{said}: {'; '.join(_broken_promise(*row) for row in self.sample)}" if self.sample else said
            case rule if rule.counts is None:  # one row with what was found
                return self.first_row
        return f"{self.failing_rows:,} of {self.row_count if self.total is None else self.total:,} rows fail"

    @property
    def where_kept(self) -> str:
        """Where the failing rows are kept, or why they are not; empty if nobody wants them kept."""
        if self.failures is not None:
            return f"the rows are in {self.failures}"
        return f"the rows could not be kept: {self.taken}" if isinstance(self.taken, str) else ""

    def __str__(self) -> str:
        return f"{self.check.name}: {self.summary}"


def _broken_promise(column: Any, promised: Any, found: Any) -> str:  # Any: as rows come from an engine
    if promised is None:
        return f"{column} ({found}) is not promised"
    return f"{column} is missing" if found is None else f"{column} is {found}, not {promised}"


@dataclass(frozen=True)
class Judgement:
    """What one look at a relation found: results in the order of the checks, the number of rows, and their digest."""

    results: tuple[CheckResult, ...]
    row_count: int
    digest: str | None


def are_settled(results: Iterable[CheckResult]) -> bool:
    """Whether what was found need not be looked at again on the same rows: no function said that it only warns."""
    return all(result.said != "warn" for result in results)


def measures_of(results: Iterable[CheckResult]) -> Mapping[str, tuple[float | None, ...]]:
    """Give what is to be kept of what checks have measured."""
    return {result.measured.key: result.measured.recorded for result in results if result.measured}


@dataclass(frozen=True)
class JudgedView:
    """What the blocking checks of a view found on rows of a table below it that were not published yet.

    `new_texts` names the views whose queries are others than those that are published: the view, or what it reads.
    `old_texts` names those whose published queries, others than the project's, were judged.
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
        new = f"; the text of {', '.join(self.new_texts)} is new, too: either may be at fault" if self.new_texts else ""
        old = ", ".join(self.old_texts)
        said = f"; its rows as published, by the last build of {old}: build {old} first" if old else ""
        return f"the view {self.name} ({failed}{new}{said})"


class CheckFailedError(FftError):
    """Checks of severity error failed. `results` holds all results of the node.

    `published` tells which rows failed: those that were published before, or staged ones, which then are not published.
    `views` are those over the node whose checks judged its staged rows; where they are the reason, its own have passed.

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
