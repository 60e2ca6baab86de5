"""Checks judge a relation: one scan for all that can share it, one query for each of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fft_core.checks.builtin import NO_MEASURES, check_query
from fft_core.checks.query import CheckQuery
from fft_core.checks.totals import Measures, measure_key
from fft_core.engines.protocol import ColumnType, Row, Session
from fft_core.engines.spec.spelling import rows_of
from fft_core.errors import FftError, StatementError
from fft_core.names import Relation
from fft_core.project.model import (
    Check,
    ColumnTypes,
    Drift,
    PythonCheck,
    Recency,
    ReconcileCoverage,
    SourceName,
    SqlCheck,
    Unique,
)

SAMPLE_ROWS = 5


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
    """What a check found: how many rows offend it, the first of them, and the query that shows them all.

    `judged_with` is what was built when it judged the rows of a view: they were not published yet. `message` is what a
    function said of them. `measured` is what it has measured, with its key in the records, and what was there before.
    """

    check: Check
    failing_rows: int
    row_count: int
    sql: str
    sample_columns: tuple[str, ...] = ()
    sample: tuple[Row, ...] = ()
    judged_with: str | None = None
    message: str = ""
    measured: Measured | None = None

    @property
    def passed(self) -> bool:
        """Whether no row offends."""
        return self.failing_rows == 0

    @property
    def blocks(self) -> bool:
        """Whether the rows must not be published."""
        return not self.passed and self.check.severity == "error"

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
        match self.check.rule:
            case Drift() if self.measured is not None and not self.measured.has_before:
                return "passed: the first build that measures it, there is nothing to compare with"
            case _ if self.passed:
                return "passed"
            case Drift() if self.measured is not None:
                return f"{self.measured.before} before, {self.measured.now} now"
            case Unique():
                return f"{self.failing_rows:,} value{'s occur' if self.failing_rows > 1 else ' occurs'} more than once"
            case ReconcileCoverage():
                return f"{self.failing_rows:,} key{'s are' if self.failing_rows > 1 else ' is'} missing"
            case SqlCheck():
                return f"{self.failing_rows:,} found"
            case PythonCheck():
                return self.message or "failed"
            case Recency():
                return f"{self.failing_rows:,} group{'s are' if self.failing_rows > 1 else ' is'} too old"
            case ColumnTypes():
                return f"{self.failing_rows:,} column{'s are' if self.failing_rows > 1 else ' is'} not as promised"
            case rule if rule.counts is None:  # one row with what was found
                return self.first_row
        return f"{self.failing_rows:,} of {self.row_count:,} rows fail"

    def __str__(self) -> str:
        return f"{self.check.name}: {self.summary}"


@dataclass(frozen=True)
class Judgement:
    """What one look at a relation found: results in the order of the checks, the number of rows, and their digest."""

    results: tuple[CheckResult, ...]
    row_count: int
    digest: str | None


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
        super().__init__(said, where=failed[0].check.location, hint=f"The first of them: {failed[0].first_row}")


def run_checks(
    engine: Session,
    relation: Relation,
    columns: Sequence[ColumnType],
    checks: Sequence[Check],
    relation_of: Callable[[str | SourceName], Relation],
    *,
    published: Relation | None = None,
    digest: str = "null",
    before: Measures = NO_MEASURES,
) -> Judgement:
    """Judge the rows of a relation, in one scan where that is possible.

    Args:
        engine: Where the relation is.
        relation: The rows, staged or published.
        columns: Its columns.
        checks: What is judged.
        relation_of: Finds the other relation of a relationships check.
        published: The name that staged rows will have; the queries of the results speak of it.
        digest: An aggregate over the rows, which the scan calls `rows_of` the columns, to be computed with the rest.
        before: What was measured of the build before, for checks of what changes.

    Raises:
        FftError: a check names a column that is not there.
        StatementError: a check cannot be evaluated, for example because of its `where`.
    """
    now, shown = datetime.now(UTC), published or relation

    def judged(node: str | SourceName) -> Relation:  # a relation that refers to itself refers to its staged rows
        found = relation_of(node)
        return relation if found == published else found

    queries = [_query(engine, relation, columns, check, judged, now, before) for check in checks]
    scan = _shared_scan(engine, relation, rows_of(column.name for column in columns), queries, digest)
    results = []
    for query in queries:
        if isinstance(query.check.rule, PythonCheck):
            result = _said_by_function(engine, relation, query.check, scan.row_count)
        else:
            failing = scan.counts.get(query.check.name)
            result = _result(engine, query, _count(engine, query) if failing is None else failing, scan.row_count)
        text = result.sql.replace(relation.sql(engine.spelling), shown.sql(engine.spelling))
        results.append(replace(result, sql=text, measured=_measured(query, scan, before)))
    return Judgement(tuple(results), scan.row_count, scan.digest)


@dataclass(frozen=True)
class _Scan:
    """What one scan found: numbers of failing rows and measures, by the names of their checks."""

    row_count: int
    digest: str | None
    counts: Mapping[str, int]
    measures: Mapping[str, float | None]


def _measured(query: CheckQuery, scan: _Scan, before: Measures) -> Measured | None:
    if query.measure is None:
        return None
    key = measure_key(query.check)
    return Measured(key, scan.measures[query.check.name], before.get(key), has_before=key in before)


def _query(
    engine: Session,
    relation: Relation,
    columns: Sequence[ColumnType],
    check: Check,
    relation_of: Callable[[str | SourceName], Relation],
    now: datetime,
    before: Measures,
) -> CheckQuery:
    try:
        return check_query(check, relation, columns, engine, relation_of, now, before)
    except StatementError as error:  # the columns of the other relation cannot be read
        raise _unevaluated([check], error) from error


def _shared_scan(engine: Session, relation: Relation, rows: str, queries: Sequence[CheckQuery], digest: str) -> _Scan:
    counted = [query for query in queries if query.count is not None]
    measuring = [query for query in queries if query.measure is not None]
    asked = ["count(*)", digest, *(str(q.count) for q in counted), *(str(q.measure) for q in measuring)]
    scan = f"select {', '.join(asked)} from {relation.sql(engine.spelling)} as {rows}"
    ((row_count, rows_digest, *values),) = _explained(engine, counted, scan)
    counts = {query.check.name: int(count) for query, count in zip(counted, values, strict=False)}
    measures = zip(measuring, values[len(counted) :], strict=True)
    found = {query.check.name: None if value is None else float(value) for query, value in measures}
    return _Scan(int(row_count), rows_digest, counts, found)


def _said_by_function(engine: Session, relation: Relation, check: Check, row_count: int) -> CheckResult:
    assert isinstance(check.rule, PythonCheck)  # the caller asks
    from fft_core.checks.custom import python_verdict  # few projects have such

    try:
        verdict = python_verdict(check, check.rule, relation, engine)
    except StatementError as error:
        raise _unevaluated([check], error) from error
    failing = 0 if verdict.passed else 1
    return CheckResult(check, failing, row_count, verdict.example_sql, message=verdict.message)


def _count(engine: Session, query: CheckQuery) -> int:
    if query.is_number:
        from fft_core.checks.custom import number_of  # few projects have such

        rows = _explained(engine, [query], query.failing_rows)
        try:
            return number_of(rows)
        except FftError as error:
            message = f"check {query.check.name} of {query.check.node}: {error.problem.message}"
            raise FftError(message, where=query.check.location) from error
    ((count,),) = _explained(engine, [query], f"select count(*) from ({query.failing_rows}) as _ff_failing_rows")
    return int(count)


def _explained(engine: Session, queries: Sequence[CheckQuery], sql: str) -> list[Row]:
    try:
        return engine.fetch(sql)
    except StatementError as error:
        if not queries:
            raise
        # the columns are known to be there, so that it is one of those with text of the user's in it
        by_user = [query.check for query in queries if query.check.where or query.check.rule.conditions]
        suspects = by_user or [query.check for query in queries]
        raise _unevaluated(suspects, error) from error


def _unevaluated(checks: Sequence[Check], error: StatementError) -> StatementError:
    names = ", ".join(check.name for check in checks)
    message = f"check {names} of {checks[0].node} cannot be evaluated: {error.problem.message}"
    return StatementError(message, sql=error.sql, where=checks[0].location)


def _result(engine: Session, query: CheckQuery, failing: int, row_count: int) -> CheckResult:
    if not failing:
        return CheckResult(query.check, 0, row_count, query.failing_rows)
    sample = engine.fetch(f"select * from ({query.failing_rows}) as _ff_failing_rows limit {SAMPLE_ROWS}")
    columns = tuple(column.name for column in engine.columns(query.failing_rows))
    return CheckResult(query.check, failing, row_count, query.failing_rows, columns, tuple(sample))
