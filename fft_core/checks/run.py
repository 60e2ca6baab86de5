"""The run of checks on a relation: one shared scan, and one query for each check that needs more."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fft_core.checks.builtin import NO_MEASURES, check_query
from fft_core.checks.failures import taken_rows
from fft_core.checks.few_values import matched_by_value
from fft_core.checks.query import CheckQuery
from fft_core.checks.results import CheckResult, Judgement, Measured
from fft_core.checks.scan import Groups, Scan, shared_groups, shared_scan
from fft_core.checks.totals import Measures, measure_key
from fft_core.engines.protocol import ColumnType, Row, Session
from fft_core.engines.spec.masking import MASK
from fft_core.errors import FftError, StatementError
from fft_core.names import Relation
from fft_core.names.unused import rows_of
from fft_core.project.model import Check, JudgedRows, PythonCheck, SourceName

SAMPLE_ROWS = 5


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
    """Judge the rows of a relation, in one scan if possible.

    Args:
        engine: The session of the database with the relation.
        relation: The rows, staged or published.
        columns: Its columns.
        checks: The checks to run.
        relation_of: Returns the other relation of a relationships check.
        published: The name that staged rows will have; the queries of the results use it.
        digest: An aggregate over the rows, which the scan names as `rows_of` the columns, computed in the same scan.
        before: The measurements of the build before, for checks of changes.

    Raises:
        FftError: a check names a column that does not exist.
        StatementError: a check cannot be evaluated, for example because of its `where`.
    """
    now, shown = datetime.now(UTC), published or relation

    def judged(node: str | SourceName) -> Relation:  # a relation that refers to itself refers to its staged rows
        found = relation_of(node)
        return relation if found == published else found

    queries = [_query(engine, relation, columns, check, judged, now, before) for check in checks]
    queries = matched_by_value(queries, engine, relation, columns)
    look = _Look(engine, relation, before)
    scanned = f"{relation.sql(engine.spelling)} as {rows_of(column.name for column in columns)}"
    scan = shared_scan(scanned, queries, digest, look.fetch)
    groups = shared_groups(queries, look.fetch)
    results = []
    for query in queries:
        result = look.result(query, scan, groups)
        text = result.sql.replace(relation.sql(engine.spelling), shown.sql(engine.spelling))
        results.append(replace(result, sql=text, judged="published" if published is None else "staged"))
    return Judgement(tuple(results), scan.row_count, scan.digest)


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


@dataclass(frozen=True)
class _Look:
    """One run of checks on a relation; measurements are compared with those of the build before."""

    engine: Session
    relation: Relation
    before: Measures

    def result(self, query: CheckQuery, scan: Scan, groups: Groups) -> CheckResult:
        """Return the result of a check, from the queries that it shares with others or from one of its own."""
        rule, name = query.check.rule, query.check.name
        if isinstance(rule, PythonCheck):
            return self._said_by_function(query.check, rule, scan.row_count)
        if isinstance(rule, JudgedRows):
            return self._said_by_judge(query, rule, scan.row_count)
        if name in scan.counts:
            found = self._found(query, scan.counts[name], scan.total(query), scan.row_count)
            measured = self._measured(query, scan)
            return replace(found, seconds=scan.seconds, shared_by=len(scan.counts), measured=measured)
        if name in groups.counts:
            failing, counted = groups.counts[name]
            total = scan.total(query) if counted is None else counted
            found = self._found(query, failing, total, scan.row_count)
            return replace(found, seconds=groups.seconds, shared_by=len(groups.counts))
        began = time.perf_counter()
        found = self._found(query, self._counted(query), scan.total(query), scan.row_count)
        return replace(found, seconds=time.perf_counter() - began)

    def fetch(self, queries: Sequence[CheckQuery], sql: str) -> list[Row]:
        """Run a query; an error names the checks that may be at fault. Raises StatementError."""
        try:
            return self.engine.fetch(sql)
        except StatementError as error:
            if not queries:
                raise
            raise _unevaluated([query.check for query in self._at_fault(queries, error)], error) from error

    def _at_fault(self, queries: Sequence[CheckQuery], error: StatementError) -> Sequence[CheckQuery]:
        """Find which of the queries that were asked together fail in the same way alone.

        If the database takes no more queries after an error, they are those that may fail: the columns are known to be
        there, so that it is text of the user's, or a comparison that a column's type does not allow.
        """
        if len(queries) == 1:
            return queries
        fails = [query for query in queries if self._fails_alone(query, error)]
        may_fail = [query for query in queries if query.check.where or query.check.rule.depends_on_types]
        return fails or may_fail or queries

    def _fails_alone(self, query: CheckQuery, error: StatementError) -> bool:
        try:
            self.engine.fetch(_number_of(query))
        except StatementError as other:
            return other.problem.message == error.problem.message
        return False

    def _measured(self, query: CheckQuery, scan: Scan) -> Measured | None:
        if query.measure is None:
            return None
        key = measure_key(query.check)
        return Measured(key, scan.measures[query.check.name], self.before.get(key), has_before=key in self.before)

    def _said_by_function(self, check: Check, rule: PythonCheck, row_count: int) -> CheckResult:
        from fft_core.checks.custom import python_verdict  # few projects have such checks

        began = time.perf_counter()
        try:
            verdict = python_verdict(check, rule, self.relation, self.engine)
        except StatementError as error:
            raise _unevaluated([check], error) from error
        failing, seconds = 0 if verdict.passed else 1, time.perf_counter() - began
        return CheckResult(check, failing, row_count, verdict.example_sql, message=verdict.message, seconds=seconds)

    def _said_by_judge(self, query: CheckQuery, rule: JudgedRows, row_count: int) -> CheckResult:
        from fft_core.compile.judge_call import called_judge  # few projects have such checks

        began = time.perf_counter()
        rows = self.engine.frames.read(self.engine.spelling.select_all(self.relation))
        verdict = called_judge(query.check, rule, rows)
        return CheckResult(
            query.check,
            0 if verdict.outcome == "pass" else 1,
            row_count,
            self.engine.spelling.select_all(self.relation),
            message=verdict.message,
            said=verdict.outcome,
            told=verdict.told,
            seconds=time.perf_counter() - began,
        )

    def _counted(self, query: CheckQuery) -> int:
        if query.is_number:
            return self._number(query)
        ((count,),) = self.fetch([query], _number_of(query))
        return int(count)

    def _number(self, query: CheckQuery) -> int:
        from fft_core.checks.custom import number_of  # few projects have such checks

        rows = self.fetch([query], query.failing_rows)
        try:
            return number_of(rows)
        except FftError as error:
            message = f"check {query.check.name} of {query.check.node}: {error.problem.message}"
            raise FftError(message, where=query.check.location, code="FFT-501") from error

    def _found(self, query: CheckQuery, failing: int, total: int | None, row_count: int) -> CheckResult:
        found = CheckResult(query.check, failing, row_count, query.failing_rows, total=total)
        if not failing:
            return found
        sample = self.engine.fetch(f"select * from ({query.failing_rows}) as _ff_failing_rows limit {SAMPLE_ROWS}")
        columns = tuple(column.name for column in self.engine.columns(query.failing_rows))
        hidden = [_is_hidden(column, query) for column in columns]
        is_kept = query.check.store_failures and not query.is_number
        return replace(
            found,
            sample_columns=columns,
            sample=tuple(_masked(row, hidden) for row in sample),
            taken=taken_rows(self.engine, query) if is_kept else None,
        )


def _number_of(query: CheckQuery) -> str:
    return f"select count(*) from ({query.failing_rows}) as _ff_failing_rows"


def _is_hidden(column: str, query: CheckQuery) -> bool:
    """Return whether a column shows hidden values, under their own name or another one."""
    made_of = query.made_of.get(column, "").lower()
    names = [name for name in query.check.hidden if name != column.lower()]
    is_made = any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", made_of) for name in names)
    return is_made or len(names) < len(query.check.hidden)


def _masked(row: Row, hidden: Sequence[bool]) -> Row:
    return tuple(MASK if hide and value is not None else value for value, hide in zip(row, hidden, strict=True))


def _unevaluated(checks: Sequence[Check], error: StatementError) -> StatementError:
    names = " or ".join(check.name for check in checks)
    message = f"check {names} of {checks[0].node} cannot be evaluated: {error.problem.message}"
    return StatementError(message, sql=error.sql, where=checks[0].location, code="FFT-501")
